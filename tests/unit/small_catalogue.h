/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_catalogue - the files of a catalogue with one province, one dataflow and a few indicators, and no mistake: for tests
 * that put a file of their own in the place of one of these, or beside them.
 */
#ifndef TRAM_SMALL_CATALOGUE_H
#define TRAM_SMALL_CATALOGUE_H

#include "catalogue.h"

#include <string.h>

#define N(array) (sizeof(array) / sizeof *(array))

#define CROSS_HEAD                                                                                                     \
	"code,rule,left,operator,right,tolerance,tolerance_percent,missing,severity,valid_from,valid_to,note_vi,note_" \
	"en\n"
#define RULE_HEAD                                                                                                      \
	"rule,word,severity,weight,applies_to,valid_from,valid_to,title_vi,title_en,message_vi,message_en,remedy_vi,"  \
	"remedy_en\n"
#define INDICATOR_HEAD                                                                                                 \
	"code,dataflow,name_vi,name_en,value_type,unit,unit_vi,display_unit_mult,display_decimals,integer,min,max,"    \
	"kind,over_area,over_time,mean_weight,coverage_weight,derives_from,denominator_vi,dimensions,frequencies,"     \
	"mandatory,max_age_days,source_system,valid_from,valid_to,notes\n"
#define INDICATOR(code, unit, bounds, dimensions, frequencies, validity)                                               \
	code ",flow,x,x,count," unit ",x,0,0,y," bounds ",stock,sum,last,,,,," dimensions "," frequencies              \
	     ",n,400,," validity ",\n"
#define PLAIN(code, bounds) INDICATOR(code, "thing", bounds, "", "S", "2020-01-01,")

static const struct catalogue_file small[] = {
#define FILE(name, content)                                                                                            \
	{                                                                                                              \
		name, content, sizeof(content) - 1                                                                     \
	}
    FILE("parameters.csv", "parameter,value,note_vi,note_en\n"),
    FILE("calendars.csv", "calendar,frequency,from_month,from_day,to_month,to_day,note_vi,note_en,source\n"
			  "gregorian,A,0,1,0,0,,,\ngregorian,S,0,1,0,0,,,\n"),
    FILE("due_dates.csv", "due,frequency,month,day,note_vi,note_en,source\n"),
    FILE("areas.csv", "area,level,vintage,code,parent,valid_from,valid_to,name_vi,short_name_vi,name_en,kind,"
		      "iso_3166_2,coastal,population\n"
		      "VN,nation,,,,2000-01-01,,VN,VN,VN,nation,,,\n"
		      "63/46,province,63,46,VN,2000-01-01,,Huế,Huế,Hue,province,,,\n"),
    FILE("succession.csv", "predecessor,successor,effective_date\n"),
    FILE("providers.csv", "provider,kind,area,name_vi,name_en,agent\nP,province,63/46,x,x,agent-63-46\n"),
    FILE("source_systems.csv", "code,name_vi,name_en,figures,role\n"),
    FILE("sources.csv", "source,date,event_vi,publisher\n"),
    FILE("dimensions.csv", "dimension,code,name_vi,name_en\nSEX,F,x,x\n"),
    FILE("dataflows.csv", "code,name_vi,name_en,provided_by,frequencies,calendar,due,valid_from,valid_to\n"
			  "flow,x,x,province,A|S|R,gregorian,,2000-01-01,\n"),
    FILE("indicators.csv", INDICATOR_HEAD PLAIN("a", "0,") PLAIN("b", "0,") PLAIN("c", "0,") PLAIN("d", "0,")
			       INDICATOR("yearly", "thing", "0,", "", "A", "2020-01-01,")
				   INDICATOR("by_sex", "thing", "0,", "SEX", "S", "2020-01-01,")
				       INDICATOR("over", "thing", "0,", "", "S", "2001-01-01,2019-12-31")
					   INDICATOR("range", "thing", "0,", "", "R", "2020-01-01,")
					       INDICATOR("other_unit", "dong", "0,", "", "S", "2020-01-01,")),
    FILE("cross_rules.csv", CROSS_HEAD),
    FILE("published_figures.csv",
	 "figure_no,indicator,time_period,period_basis,reference_date,value,numerator,denominator,rank_out_of,unit,"
	 "unit_mult,qualifier,obs_status,announced_on,source,quote_vi\n"),
#undef FILE
};
#define FILES_MAX 32

/* Puts the file into the n there are, in place of the one of its name or behind them; returns how many there are then. */
static inline size_t put_file(struct catalogue_file *files, size_t n, const char *name, const char *content, size_t len)
{
	size_t k = 0;

	while (k < n && strcmp(files[k].name, name) != 0) {
		k++;
	}
	files[k] = (struct catalogue_file){name, content, len};
	return n + (k == n);
}

#endif
