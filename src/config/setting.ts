/** One setting: its kind, its default and its sentence, as a zod schema that the documentation can be made from. */
import { z } from 'zod';
import type { Kind } from './kind.ts';

type Default = string | number | boolean | readonly never[];

export type SettingRow = {
  /** One sentence for docs/configuration.md. */
  description: string;
  /** The default as a user would write it. Absent: the setting is optional and its value undefined. */
  default?: Default;
  /** Where there is no default: what docs/configuration.md says in its place, such as `**required**`. */
  leftOut?: string;
};

export type SettingMeta = SettingRow & { type: string; unit?: string };

export const settingRegistry = z.registry<SettingMeta>();

/** A setting that always has a value. */
export function setting<T>(kind: Kind<T>, row: { description: string; default: Default }) {
  return register(kind, row, (raw, context) => readInto(kind, raw ?? row.default, context));
}

/** A setting that may be left out, and then is undefined. */
export function optional<T>(kind: Kind<T>, description: string, leftOut?: string) {
  const row = { description, ...(leftOut === undefined ? {} : { leftOut }) };
  return register<T | undefined, T>(kind, row, (raw, context) =>
    raw === undefined ? undefined : readInto(kind, raw, context),
  );
}

function register<Out, T>(
  kind: Kind<T>,
  row: SettingRow,
  read: (raw: unknown, context: z.RefinementCtx) => Out,
) {
  const { type, unit } = kind;
  const schema = z.unknown().transform(read);
  return schema.register(settingRegistry, { ...row, type, ...(unit === undefined ? {} : { unit }) });
}

function readInto<T>(kind: Kind<T>, raw: unknown, context: z.RefinementCtx): T {
  const reading = kind.read(raw);
  if (reading.ok) return reading.value;
  for (const { at, wrong, remedy } of reading.faults) {
    context.addIssue({ code: 'custom', message: wrong, path: [...(at ?? [])], params: { remedy } });
  }
  return z.NEVER;
}
