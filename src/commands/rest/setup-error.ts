/** What a setting names can't be used; the message says which, and what to do. */
export class RestSetupError extends Error {
  override readonly name = 'RestSetupError';
}
