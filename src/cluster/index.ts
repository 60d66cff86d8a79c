export { ApplicationDirectory } from './embedded/application-directory.ts';
export { lockDirectory, StateDirectoryError } from './embedded/directory-lock.ts';
export { IdentifySlotsFile, IdentifySlotsMemory } from './embedded/identify-slots.ts';
export { type StoredPart, TailFiles } from './embedded/tail-files.ts';
