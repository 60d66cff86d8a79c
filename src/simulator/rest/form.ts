/** A body as a route wants it, or Discord's answer to one that is wrong. https://discord.com/developers/docs/reference#error-messages */
import type { z } from 'zod';
import { type Answer, ErrorCode, INVALID_JSON, invalidForm, TOO_LARGE } from './answers.ts';
import type { ReceivedFile } from './body.ts';
import type { RestCall } from './route.ts';

export type FormResult<Valid> =
  | { ok: true; form: Valid; files: readonly ReceivedFile[] }
  | { ok: false; answer: Answer };

/** Discord's names for what can be wrong with a field. */
const FIELD_CODES: Readonly<Record<string, string>> = {
  too_big: 'BASE_TYPE_BAD_LENGTH',
  too_small: 'BASE_TYPE_BAD_LENGTH',
  invalid_format: 'STRING_TYPE_REGEX',
};

export function readForm<Valid>(call: RestCall, schema: z.ZodType<Valid>): FormResult<Valid> {
  const { content } = call.body;
  switch (content.kind) {
    case 'too-large':
      return { ok: false, answer: TOO_LARGE };
    case 'not-json':
      return { ok: false, answer: INVALID_JSON };
    case 'not-a-form':
    case 'aborted':
      return { ok: false, answer: invalidForm('_form', 'FORM_TYPE_CONVERT', 'The form could not be read') };
    case 'empty':
      return parse(schema, {}, []);
    case 'json':
      return parse(schema, content.json, []);
    case 'form':
      return parse(schema, content.json, content.files);
  }
}

function parse<Valid>(
  schema: z.ZodType<Valid>,
  json: unknown,
  files: readonly ReceivedFile[],
): FormResult<Valid> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, form: parsed.data, files };
  const [issue] = parsed.error.issues;
  const path = issue?.path.map(String) ?? [];
  const code = FIELD_CODES[issue?.code ?? ''] ?? 'BASE_TYPE_REQUIRED';
  const field = { _errors: [{ code, message: issue?.message ?? 'This field is wrong' }] };
  const errors = path.reduceRight<Record<string, unknown>>((inner, key) => ({ [key]: inner }), field);
  const body = { message: 'Invalid Form Body', code: ErrorCode.InvalidForm, errors };
  return { ok: false, answer: { status: 400, body } };
}
