# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C file with the files TABLES (a list) as the migrations of migrate.h and the files VIEWS as its views.
function(bytes_of file ret)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  set(${ret} "${bytes}" PARENT_SCOPE)
endfunction()

set(texts "")
set(rows "")
foreach(file ${TABLES})
  get_filename_component(name ${file} NAME_WE)
  string(REGEX MATCH "^([0-9]+)_(.*)$" matched ${name})
  if(NOT matched)
    message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql")
  endif()
  set(title ${CMAKE_MATCH_2})
  string(REGEX REPLACE "^0+" "" version ${CMAKE_MATCH_1})
  bytes_of(${file} bytes)
  string(APPEND texts "static const unsigned char sql_${version}[] = {${bytes}0};\n")
  string(APPEND rows "    {${version}, \"${title}\", sql_${version}, sizeof sql_${version} - 1},\n")
endforeach()
set(views "")
foreach(file ${VIEWS})
  bytes_of(${file} bytes)
  string(APPEND views "${bytes}\n")
endforeach()
file(WRITE ${OUTPUT} "/* SPDX-License-Identifier: Apache-2.0 */
/* Made from sql/ when the program was built. */
#include \"migrate.h\"

${texts}
static const unsigned char sql_views[] = {${views}0};

const struct migration migrations[] = {
${rows}};
const size_t n_migrations = sizeof migrations / sizeof *migrations;
const struct migration views = {0, \"views\", sql_views, sizeof sql_views - 1};
")
