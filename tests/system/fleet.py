# SPDX-License-Identifier: Apache-2.0
"""The centres, agents and roads of one test, ended with it."""

from proxy import Proxy
from tramtest import Agent, Centre


class Fleet:
    def __init__(self, folder, postgres, template):
        self.folder, self.postgres, self.template = folder, postgres, template
        self.members = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in reversed(self.members):
            member.close() if isinstance(member, Proxy) else member.daemon.discard()

    def centre(self, name="centre", start=True, **settings):
        centre = Centre(self.folder / name, self.postgres, self.postgres.make_database(self.template), **settings)
        self.members.append(centre)
        return centre.start() if start else centre

    def agent(self, centre, name="agent-63-46", start=True, folder=None, **settings):
        agent = Agent(self.folder / (folder or name), centre, name, **settings)
        self.members.append(agent)
        return agent.start() if start else agent

    def road(self, centre):
        road = Proxy(centre.port)
        self.members.append(road)
        return road
