"""A bot on discord.py, pointed at shardmux as docs/libraries.md says; steered like the workers in control.mjs."""

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
from discord.http import Route

SHARDMUX = os.environ["SHARDMUX"]
TOKEN = os.environ["TOKEN"]

heard = {}
complaints = []


class Complaints(logging.Handler):
    def emit(self, record):
        complaints.append(self.format(record))


logging.getLogger().addHandler(Complaints(logging.WARNING))

request = urllib.request.Request(
    f"{SHARDMUX}/api/v10/gateway/bot", headers={"Authorization": f"Bot {TOKEN}"}
)
with urllib.request.urlopen(request) as response:
    information = json.load(response)

Route.BASE = f"{os.environ['REST']}/v10"
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(information["url"])
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


DiscordWebSocket.from_client = connect_uncompressed


def hear(shard, payload):
    if payload["op"] != 0:
        return
    dispatch = {"s": payload["s"], "t": payload["t"]}
    if payload["t"] == "READY":
        dispatch["guilds"] = len(payload["d"]["guilds"])
    if payload["t"] == "GUILD_DELETE" and payload["d"].get("unavailable"):
        dispatch["out"] = payload["d"]["id"]
    heard.setdefault(shard, []).append(dispatch)


class Bot(discord.AutoShardedClient):
    def __init__(self):
        intents = discord.Intents._from_value(int(os.environ["INTENTS"]))
        super().__init__(intents=intents, shard_count=information["shards"], enable_debug_events=True)
        self.is_up = asyncio.Event()

    async def before_identify_hook(self, shard_id, *, initial=False):
        """Instead of 5 s of waiting: no IDENTIFY reaches Discord."""

    async def setup_hook(self):
        self.commands = asyncio.create_task(serve())

    async def on_ready(self):
        self.is_up.set()

    async def on_error(self, event, *_, **__):
        complaints.append(f"{event}: {traceback.format_exc()}")


bot = Bot()


async def wait_until_ready(_):
    await bot.is_up.wait()


async def tell_heard(_):
    return [{"shard": shard, "dispatches": dispatches} for shard, dispatches in heard.items()]


async def tell_complaints(_):
    return complaints


async def tell_guilds(_):
    return {str(guild.id): dump(guild) for guild in bot.guilds}


async def request_members(given):
    guild = bot.get_guild(int(given["guildId"]))
    if "ids" in given:
        found = await guild.query_members(user_ids=[int(id) for id in given["ids"]], limit=100)
    elif "query" in given:
        found = await guild.query_members(query=given["query"], limit=given["limit"])
    else:
        await guild.chunk()
        found = guild.members
    return [str(member.id) for member in found]


async def set_presence(given):
    await bot.change_presence(activity=discord.Game(given["name"]), status=discord.Status(given["status"]))


async def join_voice(given):
    guild = bot.get_guild(int(given["guildId"]))
    await guild.change_voice_state(channel=guild.get_channel(int(given["channelId"])))


async def leave_voice(given):
    await bot.get_guild(int(given["guildId"])).change_voice_state(channel=None)


COMMANDS = {
    "ready": wait_until_ready,
    "heard": tell_heard,
    "complaints": tell_complaints,
    "guilds": tell_guilds,
    "requestMembers": request_members,
    "setPresence": set_presence,
    "joinVoice": join_voice,
    "leaveVoice": leave_voice,
}


def dump(guild):
    """A guild as it is cached: all ids, and of each object a few fields."""
    voice_channels = [*guild.voice_channels, *guild.stage_channels]
    return {
        "id": str(guild.id),
        "name": guild.name,
        "ownerId": str(guild.owner_id),
        "memberCount": guild.member_count,
        "description": guild.description,
        "premiumSubscriptionCount": guild.premium_subscription_count,
        "large": guild.large,
        "channels": by_id(guild.channels, lambda channel: {
            "type": channel.type.value,
            "name": channel.name,
            "position": channel.position,
            "parentId": text(channel.category_id),
        }),
        "threads": by_id(guild.threads, lambda thread: {
            "type": thread.type.value,
            "parentId": text(thread.parent_id),
            "rateLimitPerUser": thread.slowmode_delay,
            "archived": thread.archived,
        }),
        "roles": by_id(guild.roles, lambda role: {
            "name": role.name,
            "position": role.position,
            "hoist": role.hoist,
        }),
        "emojis": by_id(guild.emojis, lambda emoji: {"name": emoji.name, "animated": emoji.animated}),
        "stickers": by_id(guild.stickers, lambda sticker: {"name": sticker.name}),
        "members": by_id(guild.members, lambda member: {
            "nick": member.nick,
            # The role that everybody has is none that Discord lists.
            "roles": [str(role.id) for role in member.roles if role.id != guild.id],
            "pending": member.pending,
        }),
        "presences": by_id(
            (member for member in guild.members if member.raw_status != "offline"),
            lambda member: {"status": member.raw_status},
        ),
        "voiceStates": {
            str(user_id): {"channelId": str(channel.id), "selfMute": state.self_mute}
            for channel in voice_channels
            for user_id, state in channel.voice_states.items()
        },
        "stageInstances": by_id(guild.stage_instances, lambda stage: {
            "topic": stage.topic,
            "channelId": text(stage.channel_id),
        }),
        "guildScheduledEvents": by_id(guild.scheduled_events, lambda event: {
            "name": event.name,
            "status": event.status.value,
        }),
        "soundboardSounds": by_id(guild.soundboard_sounds, lambda sound: {
            "name": sound.name,
            "volume": sound.volume,
        }),
    }


def by_id(objects, render):
    return {str(one.id): render(one) for one in objects}


def text(snowflake):
    return None if snowflake is None else str(snowflake)


async def serve():
    """Answers commands until stdin ends, so that no worker outlives its test."""
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(**json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    os._exit(0)


async def answer(id, command, given=None):
    try:
        reply = {"id": id, "result": await COMMANDS[command](given)}
    except Exception:
        reply = {"id": id, "error": traceback.format_exc()}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


bot.run(TOKEN, log_handler=None)
