"""Every part built and joined: the running server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence

from resolver import __version__
from resolver.appearance import make_appearance
from resolver.config import MAX_SHOWN, Config, ConfigError, Endpoint
from resolver.core.cookies import Cookies
from resolver.core.engine import Engine
from resolver.core.errors import ControlError, ListRefused, PageFault, TableFault
from resolver.core.networks import Address
from resolver.core.policy import NOTHING, Policy
from resolver.core.reasons import Reason
from resolver.edge import stream
from resolver.edge.binding import bind, bind_both
from resolver.edge.builder import Build
from resolver.edge.control import Command, ControlServer
from resolver.edge.faults import FaultLog
from resolver.edge.fetching import LOOK_S as FETCH_LOOK_S
from resolver.edge.lists import LOOK_S
from resolver.edge.service import Service
from resolver.edge.systemd import Notifier
from resolver.edge.turns import TURN_NS, take_turns
from resolver.edge.upstream import Upstreams
from resolver.edge.wheel import Wheel
from resolver.engines import Listener, make_parts
from resolver.keeper import Keeper
from resolver.listing import counted
from resolver.observe.counters import Counters
from resolver.observe.logs import fields
from resolver.observe.state import BuildInfo, CacheState, Check, ReloadState, State
from resolver.pages import Pages, Sources
from resolver.parts import (
    CONTROL_SOCKET,
    make_ageing,
    make_clients,
    make_identity,
    make_policy,
    make_routes,
    origins,
)
from resolver.process import settle_memory
from resolver.recording import Recorder

log = logging.getLogger("nxwhy")

DRAIN_S = 3.0
"""How long questions that are on their way may still take when we are told to stop."""
SHOWN = 5
"""How many patterns that cannot be applied are shown in the log."""
RESTART_KEYS = ("listen", "engine", "state")
"""What is read at the start only."""


class App:
    """One running server. `reread` gives the configuration as it is now, or raises ConfigError."""

    def __init__(self, config: Config, reread: Callable[[], Config]) -> None:
        self._config, self._started_with, self._reread = config, config, reread
        self._loop = asyncio.get_running_loop()
        self._wheel = Wheel(self._loop)
        self._counters = Counters()
        self._upstreams = Upstreams(self._loop, self._wheel)
        self._cookies = Cookies(os.urandom(16), time.time() - time.monotonic())
        self._parts = make_parts(config, self._counters, self._cookies)
        self._keeper = Keeper(config.state, self._parts.builder)
        self._service = self._make_service(config)
        self._come_from = origins(config)
        self._udp: list[Listener] = []
        self._streams: list[stream.StreamListener] = []
        self._pages = Pages(
            Sources(
                self._reason,
                self._keeper.published,
                self._counters,
                self.state,
                self.checks,
                config.state,
            )
        )
        self._notifier = Notifier()
        self._reload_state = ReloadState(True, time.time())
        self._reloading = asyncio.Lock()
        self._generation = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._recorder = Recorder(self._service, self._parts.elsewhere, self._spawn)
        self._control = ControlServer(config.state / CONTROL_SOCKET, self._commands())
        self._told_to_stop = asyncio.Event()
        self.listening: tuple[Endpoint, ...] = ()
        """Where DNS is served, with the ports that the system chose."""

    async def run(self) -> None:
        """Serve until told to stop. Raises ListenError for an address that cannot be had, ControlError."""
        try:
            await self._start()
            await self._told_to_stop.wait()
            log.info("stopping")
        finally:
            await self._stop()

    def stop(self) -> None:
        """Tell the server to stop."""
        self._told_to_stop.set()

    async def reload(self, cause: str = "reload") -> dict[str, object]:
        """Read configuration and lists again and put them in force; on any mistake all stays as it was.

        Raises ConfigError, ListRefused or PageFault.
        """
        async with self._reloading, self._keeper.standing():
            self._notifier.reloading()
            try:
                config = await asyncio.to_thread(self._reread)  # a large one takes seconds
                build = await self._keeper.build(config)
                policy = await asyncio.to_thread(make_policy, config, build, self._generation + 1)
                appearance = await asyncio.to_thread(make_appearance, config)
            except Exception:
                self._reload_state = ReloadState(False, self._reload_state.last_success_s)
                raise
            finally:
                self._notifier.ready()
            await self._keeper.note_changes(cause, self._config, config, build)
            self._put_in_force(config, build, policy)
            await self._pages.show(appearance)
            settle_memory()
            self._reload_state = ReloadState(True, time.time())
            return self._summary()

    def _make_service(self, config: Config) -> Service:
        known = self._parts.cache, make_ageing(config), make_routes(config)
        engine = Engine(*known, self._cookies, make_identity(config), config.answer.structured)
        return Service(
            engine,
            make_clients(config, NOTHING, self._parts.bucket),
            self._upstreams,
            self._counters,
            self._wheel,
        )

    def _put_in_force(self, config: Config, build: Build, policy: Policy) -> None:
        """Replace what holds, one reference after the other; a query sees the old or the new."""
        come_from = origins(config, self._come_from)
        moved, self._come_from = come_from != self._come_from, come_from
        self._config = config
        self._generation = policy.generation
        self._keeper.put_in_force(config, build)
        for number, pattern, reason in policy.patterns.refused[:SHOWN]:
            by = fields(list=policy.lists[number].name)
            log.warning("pattern not applied: %s: %s", pattern.text, reason, extra=by)
        self._service.clients = make_clients(config, policy, self._parts.bucket)
        engine = self._service.engine
        engine.ageing = make_ageing(config)
        engine.signal, engine.identity = config.answer.structured, make_identity(config)
        if engine.cache.limit_bytes != config.cache.size:
            engine.cache.resize(config.cache.size)
        if moved:
            engine.routes = make_routes(config)
        self._upstreams.configure(come_from.upstreams)
        self._recorder.put_in_force(config)
        self._parts.put_in_force(self._service.clients)
        if moved:  # only now: what is asked from here on is asked where it goes now
            engine.cache.flush()  # its answers came from elsewhere
        logging.getLogger().setLevel(config.log.level.upper())
        for warning in config.warnings[:MAX_SHOWN]:
            log.warning("%s", warning)

    async def _start(self) -> None:
        take_turns(TURN_NS)  # before any thread or process begins; who may not, answers all the same
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        self._loop.set_exception_handler(FaultLog().handle)
        config = self._config
        await self._control.start()
        with contextlib.ExitStack() as bound:
            pairs = [bind_both(at, bound) for at in config.listen.dns]
            pages = [bound.enter_context(bind(at, stream.bind)) for at in config.listen.notice]
            encrypted = [bound.enter_context(bind(at, stream.bind)) for at in config.listen.notice_tls]
            admin = [bound.enter_context(bind(at, stream.bind)) for at in (config.listen.admin,) if at]
            appearance = make_appearance(config)
            build = await self._first_build()
            self._put_in_force(config, build, make_policy(config, build, 1))
            await self._pages.show(appearance)
            bound.pop_all()
        # before the first answer: who sees one may send the signal, which would end us unhandled
        self._loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload_and_log("SIGHUP")))
        for datagrams, connections in pairs:
            self.listening += (Endpoint(*datagrams.getsockname()[:2]),)
            listener = stream.StreamListener(
                connections, self._service, self._wheel, known=self._parts.known(self._service)
            )
            self._udp.append(self._parts.listener(datagrams, self._service, self._loop))
            self._streams.append(listener)
            await listener.start()
        await self._pages.start(pages, encrypted, admin)
        self._spawn(self._keep_looking())
        self._spawn(self._keep_fetching())
        self._spawn(self._stay_alive())
        log.info(
            "serving",
            extra=fields(
                version=__version__,
                engine=self._parts.name,
                dns=[str(at) for at in self.listening],
                admin=str(config.listen.admin or "off"),
                lists=self._keeper.shelf.names(),
                journal=self._recorder.said,
                upstreams=self._asked(),
            ),
        )
        if not self._upstreams.servers():
            log.error("no upstream server: only blocked, cached and local names are answered")
        self._notifier.ready(f"serving {counted(len(self._keeper.shelf.names()), 'list')}")
        settle_memory()

    async def _first_build(self) -> Build:
        """Return the table of the last run, to be looked after once we serve; without one, build it now."""
        try:
            found = self._keeper.last(self._config)
        except TableFault as exc:
            why = "none is there yet" if isinstance(exc.__cause__, FileNotFoundError) else exc
            log.info("building the lists before serving; the table of an earlier run: %s", why)
            await self._keeper.look(self._config)
            build = await self._keeper.build(self._config, gives_way=False)  # nobody is served before
            await self._keeper.note_changes("start", self._config, self._config, build)
            return build
        self._spawn(self._look_after_start())
        return found

    async def _look_after_start(self) -> None:
        await self._keeper.look(self._config)
        await self._reload_and_log("start")

    def _reason(self, name: bytes, client: Address, languages: Sequence[str]) -> Reason | None:
        """Count a client of the notice page; return why its name is blocked, None where it is not."""
        verdict = self._service.clients.policy.profile_for(client).decide(name)
        self._counters.visit(verdict)
        return verdict.reason(languages) if verdict.blocks else None

    async def _stop(self) -> None:
        self._notifier.stopping()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.remove_signal_handler(number)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for datagrams in self._udp:
            datagrams.pause()
        for connections in self._streams:
            connections.pause()
        await asyncio.gather(self._service.drain(DRAIN_S), self._pages.stop())
        await self._control.stop()
        for datagrams in self._udp:
            datagrams.close()
        for connections in self._streams:
            connections.close()
        self._upstreams.close()
        self._wheel.stop()
        self._loop.set_exception_handler(None)

    async def _keep_looking(self) -> None:
        """Look at the files every two seconds; reload when one has changed."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except Exception:
                log.exception("looking at the files failed")

    async def _keep_fetching(self) -> None:
        """Fetch the lists that have a URL when they are due; their files are looked at like all others."""
        while True:
            try:
                await self._keeper.fetch(self._config)
            except Exception:
                log.exception("fetching lists failed")
            await asyncio.sleep(FETCH_LOOK_S)

    async def _look(self) -> None:
        self._keeper.shelf.note_hits(self._counters.blocked(), self._counters.shadow_blocked(), time.time())
        self._follow_system()
        changed = await self._keeper.changed(self._config)
        if changed:
            await self._reload_and_log(", ".join(sorted([path.name for path in changed])))

    def _follow_system(self) -> None:
        """Ask from here on whom the system names, where the owner names nobody."""
        if not self._come_from.by_system:
            return
        come_from = origins(self._config, self._come_from)
        if come_from == self._come_from:
            return
        self._come_from = come_from
        self._upstreams.configure(come_from.upstreams)
        self._parts.put_in_force(self._service.clients)
        self._service.engine.cache.flush()
        log.info("the system names other resolvers", extra=fields(upstreams=self._asked()))

    def _asked(self) -> list[str]:
        return [str(server.spec) for server in self._upstreams.servers()]

    async def _reload_and_log(self, cause: str) -> None:
        try:
            await self.reload(cause)
        except (ConfigError, ListRefused, PageFault) as exc:
            log.error("reload failed, all stays as it was: %s", _brief(exc), extra=fields(cause=cause))
        except Exception:
            log.exception("reload failed, all stays as it was", extra=fields(cause=cause))
        else:
            log.info("reloaded", extra=fields(cause=cause))

    def _commands(self) -> dict[str, Command]:
        commands: dict[str, Command] = {"reload": self._reload_command, "lists": self._lists_command}
        return commands | {"order": self._order_command, "journal": self._recorder.command}

    async def _lists_command(self, _: Mapping[str, object]) -> Mapping[str, object]:
        return {"lists": self._keeper.document(self._config), "journal": self._recorder.said}

    async def _order_command(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """Carry out what the owner orders about the versions of a list, and put it in force."""
        async with self._reloading:
            said = await self._keeper.order(given, self._config)
        cause = " ".join([str(given[key]) for key in ("order", "list", "version") if given.get(key)])
        await self._reload_command({"cause": cause})
        return {"said": said, "error": self._keeper.error_of(str(given["list"]))}

    async def _reload_command(self, given: Mapping[str, object]) -> Mapping[str, object]:
        try:
            return await self.reload(str(given.get("cause", "reload")))
        except (ConfigError, ListRefused, PageFault) as exc:
            raise ControlError(_brief(exc)) from exc

    def _summary(self) -> dict[str, object]:
        before, now = self._started_with, self._config
        restart = [key for key in RESTART_KEYS if getattr(now, key) != getattr(before, key)]
        restart += ["log.format"] * (now.log.format != before.log.format)
        for key in restart:
            log.warning("changed, but only a restart puts it in force", extra=fields(key=key))
        return {"lists": self._keeper.shelf.summary(), "needs_restart": restart}

    async def _stay_alive(self) -> None:
        """Tell systemd's watchdog that the loop turns."""
        while self._notifier.watchdog_interval_s is not None:
            self._notifier.watchdog()
            await asyncio.sleep(self._notifier.watchdog_interval_s)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def checks(self) -> list[Check]:
        """Return what has to hold for us to be of use."""
        up = [str(server.spec) for server in self._upstreams.servers() if server.health.up]
        missing = self._keeper.shelf.missing()
        return [
            Check("lists", not missing, f"not in force: {', '.join(missing)}" if missing else "all in force"),
            Check("upstreams", bool(up), f"usable: {', '.join(up)}" if up else "no usable upstream server"),
        ]

    def state(self) -> State:
        """Return what a scrape wants to know besides the counters."""
        cache = self._service.engine.cache
        self._upstreams.beside.note()
        return State(
            build=BuildInfo(__version__, platform.python_version(), self._parts.name),
            reload=self._reload_state,
            cache=CacheState(
                len(cache), cache.bytes, cache.limit_bytes, cache.hits, cache.misses, cache.evictions
            ),
            lists=self._keeper.shelf.states(),
            upstreams=self._upstreams.states(),
            generation=self._generation,
            inflight=self._service.inflight,
            tcp_connections=sum(listener.connections for listener in self._streams),
            journal=self._recorder.state,
        )


def _brief(error: ConfigError | ListRefused | PageFault) -> str:
    return error.brief() if isinstance(error, ConfigError) else str(error)
