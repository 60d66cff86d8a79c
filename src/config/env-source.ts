/** The environment: which settings it gives, and which of its names are none of ours. Pure. */
import { nearestName } from './nearest-name.ts';
import type { ConfigProblem } from './problem.ts';
import { CONFIG_PATH_ENV_NAME, ENV_PREFIX, SETTINGS } from './settings-table.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const KNOWN_NAMES: ReadonlySet<string> = new Set([
  CONFIG_PATH_ENV_NAME,
  ...SETTINGS.map(({ envName }) => envName),
]);

/**
 * Kubernetes gives every container variables for every Service of its namespace (`enableServiceLinks`). A Service named
 * shardmux makes SHARDMUX_PORT=tcp://10.0.0.1:7777 and more, which nobody meant as settings.
 */
const SERVICE_LINK_NAME =
  /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const SERVICE_LINK_URL = /^(tcp|udp|sctp):\/\//;

/** Problems with names, and with values whatever they are for: the rest is the schema's. */
export function environmentProblems(env: Environment): ConfigProblem[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (!name.startsWith(ENV_PREFIX) || value === undefined) return [];
    if (!KNOWN_NAMES.has(name)) return isServiceLink(name, value) ? [] : [unknownName(name)];
    if (value.trim() === '') {
      return [{ setting: name, wrong: 'is set but empty', remedy: 'Give it a value, or unset it.' }];
    }
    if (isServiceLink(name, value)) {
      const remedy = 'Set enableServiceLinks: false in the pod, or give the Service another name.';
      return [{ setting: name, wrong: 'was set by Kubernetes for a Service of that name', remedy }];
    }
    return [];
  });
}

function isServiceLink(name: string, value: string): boolean {
  return SERVICE_LINK_NAME.test(name) || (name.endsWith('_PORT') && SERVICE_LINK_URL.test(value));
}

function unknownName(name: string): ConfigProblem {
  const near = nearestName(
    name.slice(ENV_PREFIX.length),
    [...KNOWN_NAMES].map((known) => known.slice(ENV_PREFIX.length)),
  );
  const remedy =
    near === undefined
      ? 'Unset it; docs/configuration.md lists the settings.'
      : `Did you mean ${ENV_PREFIX}${near}?`;
  return { setting: name, wrong: 'is not a setting', remedy };
}
