/** Turns JSON log lines into lines for people. Pure. */

const LEVEL_WIDTH = 5;
const MODULE_WIDTH = 10;

/** `21:04:05.123 info  upstream   shard is ready  shard=3 guilds=120`, a stack trace on the lines below. */
export function prettyLine(jsonLine: string): string {
  const { time, level, module, msg, err, ...fields } = JSON.parse(jsonLine);
  const head = `${String(time).slice(11, 23)} ${String(level).padEnd(LEVEL_WIDTH)} ${String(module ?? '').padEnd(MODULE_WIDTH)}`;
  const pairs = Object.entries(fields).map(
    ([name, value]) =>
      `${name}=${typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value)}`,
  );
  const line = [`${head} ${msg ?? ''}`, ...(pairs.length > 0 ? [pairs.join(' ')] : [])].join('  ').trimEnd();
  return err === undefined
    ? `${line}\n`
    : `${line}\n${indented(err.stack ?? err.message ?? JSON.stringify(err))}\n`;
}

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}
