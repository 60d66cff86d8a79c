"""What the workers in Python have in common, as control.mjs for those in JavaScript: commands come as lines of JSON on stdin."""

import asyncio
import json
import logging
import os
import sys
import traceback
import urllib.request

import discord
import yarl
from discord.gateway import DiscordWebSocket

TOKEN = os.environ["TOKEN"]
INTENTS = discord.Intents._from_value(int(os.environ["INTENTS"]))

heard = {}
complaints = []


class Complaints(logging.Handler):
    def emit(self, record):
        complaints.append(self.format(record))


logging.getLogger().addHandler(Complaints(logging.WARNING))


def find_gateway(api):
    """Points the library at the gateway that `GET /gateway/bot` tells of, uncompressed. The number of its shards."""
    request = urllib.request.Request(f"{api}/v10/gateway/bot", headers={"Authorization": f"Bot {TOKEN}"})
    with urllib.request.urlopen(request) as response:
        information = json.load(response)
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(information["url"])
    DiscordWebSocket.from_client = connect_uncompressed
    return information["shards"]


connect = DiscordWebSocket.from_client


async def connect_uncompressed(client, **options):
    ws = await connect(client, compress=False, **options)
    dispatch = ws._dispatch

    # The debug event does not say which shard it is of.
    def listen(event, *given):
        if event == "socket_raw_receive":
            hear(ws.shard_id, json.loads(given[0]))
        dispatch(event, *given)

    ws._dispatch = listen
    return ws


def hear(shard, payload):
    if payload["op"] != 0:
        return
    dispatch = {"s": payload["s"], "t": payload["t"]}
    if payload["t"] == "READY":
        dispatch["guilds"] = len(payload["d"]["guilds"])
    if payload["t"] == "GUILD_DELETE" and payload["d"].get("unavailable"):
        dispatch["out"] = payload["d"]["id"]
    heard.setdefault(shard, []).append(dispatch)


class Worker(discord.AutoShardedClient):
    """A bot that answers commands, by their names."""

    def __init__(self, commands, shard_count):
        super().__init__(intents=INTENTS, shard_count=shard_count, enable_debug_events=True)
        self.answers = {
            "ready": self.wait_until_up,
            "heard": tell_heard,
            "complaints": tell_complaints,
            **commands,
        }
        self.is_up = asyncio.Event()

    async def before_identify_hook(self, shard_id, *, initial=False):
        """Instead of 5 s of waiting: no IDENTIFY reaches Discord."""

    async def setup_hook(self):
        self.serving = asyncio.create_task(self.serve())

    async def on_ready(self):
        self.is_up.set()

    async def on_error(self, event, *_, **__):
        complaints.append(f"{event}: {traceback.format_exc()}")

    async def wait_until_up(self, _):
        await self.is_up.wait()

    async def serve(self):
        """Answers commands until stdin ends, so that no worker outlives its test."""
        reader = asyncio.StreamReader(limit=2**24)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        running = set()
        while line := await reader.readline():
            task = asyncio.create_task(self.answer(**json.loads(line)))
            running.add(task)
            task.add_done_callback(running.discard)
        os._exit(0)

    async def answer(self, id, command, given=None):
        try:
            reply = {"id": id, "result": await self.answers[command](given)}
        except Exception:
            reply = {"id": id, "error": traceback.format_exc()}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


async def tell_heard(_):
    return [{"shard": shard, "dispatches": dispatches} for shard, dispatches in heard.items()]


async def tell_complaints(_):
    return complaints
