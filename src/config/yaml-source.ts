/** The optional YAML file: its values, and on which line a path stands. */
import { type Document, isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml';
import type { ConfigProblem } from './problem.ts';

export type YamlSource = {
  values: unknown;
  problems: readonly ConfigProblem[];
  /** `file.yaml:12`, for the innermost part of `path` that is in the file. */
  placeOf(path: readonly PropertyKey[]): string;
};

/** The parser's own messages quote the file, which may hold secrets; these don't. */
const SYNTAX_PROBLEMS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'has a key that is already there',
  TAB_AS_INDENT: 'is indented with a tab',
  BAD_INDENT: 'has an indentation that does not fit the lines around it',
  MISSING_CHAR: 'lacks a character, such as a closing quote or bracket',
  MULTIPLE_DOCS: 'begins a second document',
};

export function parseYamlSource(fileName: string, contents: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(contents, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number) => `${fileName}:${lines.linePos(offset).line}`;
  const problems: ConfigProblem[] = [...document.errors, ...document.warnings].map((error) => ({
    setting: placeAt(error.pos[0]),
    wrong: SYNTAX_PROBLEMS[error.code] ?? 'is not valid YAML',
    remedy: 'Correct that line, or the one before it.',
  }));
  const values = problems.length === 0 ? plainValues(document, fileName, problems) : undefined;
  return {
    values,
    problems,
    placeOf(path) {
      let node: unknown = document.contents;
      let offset = 0;
      for (const key of path) {
        const pair = isMap(node) ? node.items.find((item) => keyOf(item) === key) : undefined;
        const next =
          pair === undefined ? document.getIn(path.slice(0, path.indexOf(key) + 1), true) : pair.value;
        const start = startOf(pair?.key ?? next);
        if (start === undefined) break;
        offset = start;
        node = next;
      }
      return placeAt(offset);
    },
  };
}

function plainValues(document: Document, fileName: string, problems: ConfigProblem[]): unknown {
  try {
    return document.toJS();
  } catch {
    const remedy = 'Write the values out: settings need no aliases.';
    problems.push({
      setting: fileName,
      wrong: 'has an alias (*name) of nothing, or too many of them',
      remedy,
    });
    return undefined;
  }
}

function keyOf(pair: Pair): unknown {
  return isScalar(pair.key) ? pair.key.value : pair.key;
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node)) return undefined;
  return Array.isArray(node.range) && typeof node.range[0] === 'number' ? node.range[0] : undefined;
}
