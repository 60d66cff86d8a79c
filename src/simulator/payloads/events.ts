/**
 * Generated dispatches: rendered once into templates with gaps for ids, then filled in per dispatch. Runs per dispatch.
 */
import type { Random } from '../random.ts';
import { eventKinds } from './event-kinds.ts';
import type { Guild } from './guilds.ts';
import type { User } from './users.ts';

export interface GeneratedEvent {
  t: string;
  /** `d` as JSON text. */
  d: string;
}

/** Different texts per kind of event. */
const TEMPLATES_PER_KIND = 32;

type Gap = 'guild' | 'channel' | 'voice' | 'role0' | 'role1' | 'role2' | 'id';

interface Template {
  /** One more than gaps. */
  texts: string[];
  gaps: Gap[];
}

interface Kind {
  t: string;
  weight: number;
  intents: number;
  templates: Template[];
}

export class EventTemplates {
  readonly #kinds: Kind[];
  readonly #byIntents = new Map<number, Kind[]>();
  #ids = 0;

  constructor(random: Random, users: readonly User[]) {
    this.#kinds = eventKinds.map(({ t, weight, intents, make }) => ({
      t,
      weight,
      intents,
      templates: Array.from({ length: TEMPLATES_PER_KIND }, () => cut(JSON.stringify(make(random, users)))),
    }));
  }

  /** An event of `guild` that a session with `intents` gets; undefined when these intents ask for nothing. */
  next(guild: Guild, intents: number, random: Random): GeneratedEvent | undefined {
    const kinds = this.#wanted(intents);
    const kind = kinds[random.below(kinds.length)];
    if (kind === undefined) return undefined;
    const template = random.pick(kind.templates);
    let d = template.texts[0] ?? '';
    for (let index = 0; index < template.gaps.length; index += 1) {
      d += this.#fill(template.gaps[index] ?? 'id', guild);
      d += template.texts[index + 1];
    }
    return { t: kind.t, d };
  }

  #fill(gap: Gap, guild: Guild): string {
    switch (gap) {
      case 'guild':
        return guild.id;
      case 'channel':
        return guild.channelId;
      case 'voice':
        return guild.voiceChannelId;
      case 'role0':
        return guild.roleIds[0] ?? guild.id;
      case 'role1':
        return guild.roleIds[1] ?? guild.id;
      case 'role2':
        return guild.roleIds[2] ?? guild.id;
      case 'id':
        this.#ids += 1;
        return `13${String(this.#ids).padStart(17, '0')}`;
    }
  }

  /** Each kind as often as its weight, so that picking one is a single draw. */
  #wanted(intents: number): Kind[] {
    let kinds = this.#byIntents.get(intents);
    if (kinds === undefined) {
      kinds = this.#kinds
        .filter((kind) => kind.intents === 0 || (kind.intents & intents) !== 0)
        .flatMap((kind) => Array.from({ length: kind.weight }, () => kind));
      this.#byIntents.set(intents, kinds);
    }
    return kinds;
  }
}

function cut(json: string): Template {
  const pieces = json.split(/@@(guild|channel|voice|role[012]|id)@@/);
  return {
    texts: pieces.filter((_, index) => index % 2 === 0),
    gaps: pieces.filter((_, index) => index % 2 === 1) as Gap[],
  };
}
