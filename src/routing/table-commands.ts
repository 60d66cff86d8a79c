/**
 * The Runtime API commands that read and write the stick table, and what their answers mean. Rules only.
 * `set table` replaces an entry in one step; `clear` and then `set` would lose connections in between.
 */

/** Longest command line we send; HAProxy reads a line into one buffer (`tune.bufsize`, 16,384 bytes by default). */
const MAX_LINE_BYTES = 8_000;

/** Longer than any id that a server of ours has; only its length matters. */
const LONGEST_SERVER_ID = 999_999;

/** Every line also asks who carries it out, since a reload may fall in between. */
const WHO = 'show info';

/**
 * Asks a HAProxy who it is and whether it is set up for us. "show table" lists the tables and their types; asking for a key
 * (which no shard has) shows whether we are allowed to and whether the table is there, with a short answer.
 */
export function inspectionCommand(backend: string, table: string): string {
  return `show info;show servers state ${backend};show table;show table ${table} key -`;
}

/** Keys in groups, each of which fits into one line of any of the commands below. */
export function keyBatches(table: string, keys: Iterable<string>): string[][] {
  const batches: string[][] = [];
  let batch: string[] = [];
  let lineBytes = WHO.length;
  for (const key of keys) {
    const commandBytes = teachOne(table, key, LONGEST_SERVER_ID).length + 1;
    if (lineBytes + commandBytes > MAX_LINE_BYTES) {
      batches.push(batch);
      batch = [];
      lineBytes = WHO.length;
    }
    batch.push(key);
    lineBytes += commandBytes;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** The line that points a batch of keys at a server. */
export function teachCommand(table: string, keys: readonly string[], serverId: number): string {
  return [WHO, ...keys.map((key) => teachOne(table, key, serverId))].join(';');
}

/** The line that asks where a batch of keys points to: for `keysPointingAt`. */
export function lookUpCommand(table: string, keys: readonly string[]): string {
  return [WHO, ...keys.map((key) => `show table ${table} key ${key}`)].join(';');
}

/** The line that removes a batch of keys. */
export function forgetCommand(table: string, keys: readonly string[]): string {
  return [WHO, ...keys.map((key) => `clear table ${table} key ${key}`)].join(';');
}

/** Whether HAProxy said all it had to say: it ends with an empty line. */
export function isWholeAnswer(answer: string): boolean {
  return answer.endsWith('\n\n');
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

function teachOne(table: string, key: string, serverId: number): string {
  return `set table ${table} key ${key} data.server_id ${serverId}`;
}
