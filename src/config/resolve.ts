/** From the settings as they are written to the configuration as it is used: what one setting leaves open, others decide. Pure. */
import { applicationNameOf } from '../protocol/application-id.ts';
import type { DiscordSettings } from './discord-section.ts';
import type { ConfigTree } from './schema.ts';
import type { Secret } from './secret.ts';

/** One bot. */
export type ApplicationConfig = Omit<DiscordSettings, 'token' | 'tokenFile'> & {
  /** Discord's id of the application; of a single one whose token does not tell it, a name made from the token. */
  readonly id: string;
  readonly token: Secret;
  /** Where the token came from, if that is a file. */
  readonly tokenFile: string | undefined;
};

type Tail = ConfigTree['tail'];

/** The settings of `shardmux gateway`, checked, with defaults filled in, frozen. */
export type GatewayConfig = {
  readonly [Section in Exclude<keyof ConfigTree, 'discord' | 'applications' | 'tail'>]: Readonly<
    ConfigTree[Section]
  >;
} & {
  /** Never empty, ids and tokens distinct: whether written as `applications` or as `discord`. */
  readonly applications: readonly [ApplicationConfig, ...ApplicationConfig[]];
  readonly tail: Readonly<Tail & { store: NonNullable<Tail['store']> }>;
};

/** `tree` has passed all checks: so there is a token. */
export function resolve(tree: ConfigTree): GatewayConfig {
  const { discord: _, tail, ...sections } = tree;
  const [first, ...others] = applicationsOf(tree);
  if (first === undefined) throw new Error('no application, although the configuration was checked');
  return {
    ...sections,
    applications: [first, ...others],
    tail: { ...tail, store: tail.store ?? (tree.redis.hosts.length > 0 ? 'redis' : 'disk') },
  };
}

/** The bots; none where no token is given, which a check complains about. */
export function applicationsOf({ discord, applications }: ConfigTree): ApplicationConfig[] {
  const { token, tokenFile, ...shared } = discord;
  if (applications !== undefined)
    return applications.map((given) => ({ ...shared, tokenFile: undefined, ...given }));
  if (token === undefined) return [];
  return [{ ...shared, tokenFile, token, id: applicationNameOf(token.reveal()) }];
}
