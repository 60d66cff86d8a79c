export { type JoinCommand, RELEASE_REASONS, Voice, type VoiceCounts, type VoiceOptions } from './voice.ts';
