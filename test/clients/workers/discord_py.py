"""A bot on discord.py, pointed at shardmux as docs/libraries.md says; steered like the workers in control.mjs."""

import os

import discord
from control import TOKEN, Worker, find_gateway
from discord.http import Route

SHARD_COUNT = find_gateway(f"{os.environ['SHARDMUX']}/api")
Route.BASE = f"{os.environ['REST']}/v10"


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


COMMANDS = {
    "guilds": tell_guilds,
    "requestMembers": request_members,
    "setPresence": set_presence,
    "joinVoice": join_voice,
    "leaveVoice": leave_voice,
}

bot = Worker(COMMANDS, SHARD_COUNT)
bot.run(TOKEN, log_handler=None)
