"""A bot on discord.py for whom `shardmux rest` is all of Discord's API; it finds the gateway there. As docs/libraries.md says."""

import asyncio
import hashlib
import io
import os

import discord
from control import TOKEN, Worker, find_gateway
from discord.http import Route

REST = os.environ["REST"]
SHARD_COUNT = find_gateway(REST)
Route.BASE = f"{REST}/v10"

# What came of each interaction, by the name of its command.
answered = {}


class Bot(Worker):
    async def on_interaction(self, interaction):
        name = interaction.data["name"]
        try:
            if name == "reply":
                await interaction.response.send_message("at once")
            else:
                await interaction.response.defer()
            original = await interaction.edit_original_response(content="edited")
            more = await interaction.followup.send("one more", wait=True)
            answered[name] = [original.content, more.content]
        except Exception as error:
            answered[name] = [repr(error)]


async def tell_answered(given):
    return answered.get(given["name"])


def channel_of(given):
    return bot.get_channel(int(given["channelId"]))


def message_of(given):
    return channel_of(given).get_partial_message(int(given["messageId"]))


def reduced(message):
    return {"id": str(message.id), "content": message.content}


async def send(given):
    return reduced(await channel_of(given).send(given["content"]))


async def send_many(given):
    channel = channel_of(given)
    return [reduced(each) for each in await asyncio.gather(*map(channel.send, given["contents"]))]


async def edit(given):
    return reduced(await message_of(given).edit(content=given["content"]))


async def react(given):
    await asyncio.gather(*map(message_of(given).add_reaction, given["emojis"]))


async def reactors(given):
    message = await message_of(given).fetch()
    reaction = next(each for each in message.reactions if each.emoji == given["emoji"])
    after = discord.Object(int(given["after"])) if "after" in given else None
    return [str(user.id) async for user in reaction.users(limit=given["limit"], after=after)]


async def messages(given):
    before = discord.Object(int(given["before"])) if "before" in given else None
    return [reduced(each) async for each in channel_of(given).history(limit=given["limit"], before=before)]


async def members(given):
    after = discord.Object(int(given["after"])) if "after" in given else discord.utils.MISSING
    guild = bot.get_guild(int(given["guildId"]))
    return [str(member.id) async for member in guild.fetch_members(limit=given["limit"], after=after)]


async def delete(given):
    await message_of(given).delete()


async def rename(given):
    return (await channel_of(given).edit(name=given["name"], reason=given["reason"])).name


async def upload(given):
    data = os.urandom(given["bytes"])
    message = await channel_of(given).send(file=discord.File(io.BytesIO(data), filename="file.bin"))
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": message.attachments[0].size}


async def webhook(given):
    hook = await channel_of(given).create_webhook(name="hook")
    sent = await hook.send(given["content"], wait=True)
    await hook.edit_message(sent.id, content=f"{given['content']}, edited")
    return reduced(await hook.fetch_message(sent.id))


async def failure(given):
    """Status and Discord's code as the library's own error has them."""
    message = message_of(given)
    try:
        await (message.fetch() if given["call"] == "fetch" else message.edit(content="mine"))
    except discord.HTTPException as error:
        return {"name": type(error).__name__, "status": error.status, "code": error.code}
    raise AssertionError(f"{given['call']} did not fail")


COMMANDS = {
    "answered": tell_answered,
    "send": send,
    "sendMany": send_many,
    "edit": edit,
    "react": react,
    "reactors": reactors,
    "messages": messages,
    "members": members,
    "delete": delete,
    "rename": rename,
    "upload": upload,
    "webhook": webhook,
    "failure": failure,
}

bot = Bot(COMMANDS, SHARD_COUNT)
bot.run(TOKEN, log_handler=None)
