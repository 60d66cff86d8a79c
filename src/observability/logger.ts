/**
 * Log lines: one a change of state, with fields, never with a payload. JSON for machines, or a compact form for people.
 * Written at once, in this thread, so that the line before a crash is not lost.
 */
import pino from 'pino';
import { prettyLine } from './pretty-lines.ts';
import { redactFields } from './redaction.ts';

export type Logger = pino.Logger;

export type LoggerOptions = {
  level: pino.LevelWithSilent;
  format: 'json' | 'pretty';
  /** Gets a whole line at a time. */
  output: { write(line: string): unknown };
};

export function createLogger({ level, format, output }: LoggerOptions): Logger {
  const destination =
    format === 'json' ? output : { write: (line: string) => output.write(prettyLine(line)) };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactFields(fields),
      },
      serializers: { err: errorFields, error: errorFields },
    },
    destination,
  );
  const { child } = logger;
  // pino's own formatter for bindings is dropped in children; they inherit this instead.
  logger.child = function (this: Logger, bindings: pino.Bindings, options?: object) {
    return child.call(this, redactFields(bindings), options);
  } as typeof child; // custom levels, the only thing its type parameter is for, aren't used
  return logger;
}

/** A logger whose lines carry `module`. */
export function moduleLogger(logger: Logger, module: string): Logger {
  return logger.child({ module });
}

/** Errors of HTTP clients carry request headers: their fields are redacted like any other. */
function errorFields(error: unknown): unknown {
  return error instanceof Error ? redactFields(pino.stdSerializers.errWithCause(error)) : error;
}
