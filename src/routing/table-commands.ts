/**
 * The Runtime API commands that read and write the stick table, and what their answers mean. Rules only.
 * `set table` replaces an entry in one step; `clear` and then `set` would lose connections in between.
 */

/** Longest command line we send; HAProxy reads a line into one buffer (`tune.bufsize`, 16,384 bytes by default). */
const MAX_LINE_BYTES = 8_000;

/**
 * Asks a HAProxy who it is and whether it is set up for us. "show table" lists the tables and their types; asking for a key
 * (which no shard has) shows whether we are allowed to and whether the table is there, with a short answer.
 */
export function inspectionCommand(backend: string, table: string): string {
  return `show info;show servers state ${backend};show table;show table ${table} key -`;
}

/** Lines that point every key at a server. Each also asks who carried it out, since a reload may fall in between. */
export function teachCommands(table: string, keys: Iterable<string>, serverId: number): string[] {
  return inLines('show info', keys, (key) => `set table ${table} key ${key} data.server_id ${serverId}`);
}

/** Lines that ask where keys point to: for `keysPointingAt`. */
export function lookUpCommands(table: string, keys: Iterable<string>): string[] {
  return inLines('show info', keys, (key) => `show table ${table} key ${key}`);
}

/** Lines that remove keys. */
export function forgetCommands(table: string, keys: Iterable<string>): string[] {
  return inLines('show info', keys, (key) => `clear table ${table} key ${key}`);
}

/** The keys in the output of `show table` that point at a server. */
export function keysPointingAt(output: string, serverId: number): string[] {
  const keys: string[] = [];
  for (const [, key, id] of output.matchAll(/^0x\S+ key=(\S+) .*\bserver_id=(\d+)/gm)) {
    if (key !== undefined && Number(id) === serverId) keys.push(key);
  }
  return keys;
}

/** What a table's keys are (`string`, `ip`, …), from the list of tables that `show table` gives. */
export function tableKeyType(output: string, table: string): string | undefined {
  for (const [, name, type] of output.matchAll(/^# table: (\S+), type: (\w+),/gm)) {
    if (name === table) return type;
  }
  return undefined;
}

function inLines(first: string, keys: Iterable<string>, command: (key: string) => string): string[] {
  const lines: string[] = [];
  let line = first;
  for (const key of keys) {
    const next = command(key);
    if (line.length + 1 + next.length > MAX_LINE_BYTES) {
      lines.push(line);
      line = first;
    }
    line += `;${next}`;
  }
  if (line !== first) lines.push(line);
  return lines;
}
