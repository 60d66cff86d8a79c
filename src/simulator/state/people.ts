/** As many different people as the largest guild needs: first those whom all of the simulator knows, then more like them. */
import type { User } from '../payloads/users.ts';

export class People {
  readonly #users: readonly User[];

  constructor(users: readonly User[]) {
    this.#users = users;
  }

  /** The same person for the same number. */
  at(index: number): User {
    const user = this.#users[index % this.#users.length];
    if (!user) throw new RangeError('there are no people');
    if (index < this.#users.length) return user;
    return {
      ...user,
      id: `3${String(index * 7919 + 1).padStart(17, '0')}`,
      username: `${user.username}.${index}`,
    };
  }
}
