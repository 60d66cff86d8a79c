/** One setting: its kind, its default and its sentence, as a zod schema that the documentation can be made from. */
import { z } from 'zod';
import type { Kind } from './kind.ts';

type Default = string | number | readonly never[];

export type SettingRow = {
  /** One sentence for docs/configuration.md. */
  description: string;
  /** The default as a user would write it. Absent: see `required`. */
  default?: Default;
  /** Without it and without a default, the setting is optional and its value undefined. */
  required?: { remedy: string };
};

export type SettingMeta = SettingRow & { type: string; unit?: string };

export const settingRegistry = z.registry<SettingMeta>();

/** A setting that always has a value: it has a default or is required. */
export function setting<T>(
  kind: Kind<T>,
  row: SettingRow & ({ default: Default } | { required: { remedy: string } }),
) {
  return register(kind, row, (raw, context) => {
    const given = raw ?? row.default;
    if (given !== undefined) return readInto(kind, given, context);
    context.addIssue({ code: 'custom', message: 'is not set', params: { remedy: row.required?.remedy } });
    return z.NEVER;
  });
}

/** A setting that may be left out, and then is undefined. */
export function optional<T>(kind: Kind<T>, description: string) {
  return register<T | undefined, T>(kind, { description }, (raw, context) =>
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
