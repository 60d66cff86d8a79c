/** Columns of text. Pure. */

export interface Column {
  readonly heading: string;
  readonly width: number;
  /** Words stand at the left, numbers at the right. */
  readonly isText?: boolean;
}

export function tableOf(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) =>
    columns
      .map(({ width, isText }, i) => (isText ? cells[i]?.padEnd(width) : cells[i]?.padStart(width)) ?? '')
      .join('')
      .trimEnd();
  return [columns.map(({ heading }) => heading), ...rows].map(row).join('\n');
}
