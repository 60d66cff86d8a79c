/** A problem with the configuration, told in the user's own terms. */

export type ConfigProblem = {
  /** As the user wrote it: an environment variable, `section.name (file.yaml:12)`, or a file. */
  setting: string;
  /** What is wrong, as the rest of a sentence that begins with the setting. */
  wrong: string;
  /** What to do, as a sentence. */
  remedy: string;
};

/** For stderr: a headline and two lines a problem. */
export function problemsText(problems: readonly ConfigProblem[]): string {
  const headline = problems.length === 1 ? 'There is a problem' : `There are ${problems.length} problems`;
  const list = problems.map(({ setting, wrong, remedy }) => `  * ${setting} ${wrong}.\n    ${remedy}\n`);
  return `${headline} with the configuration:\n\n${list.join('\n')}\nAll settings: docs/configuration.md\n`;
}
