/** Of the lines that the probe prints. */
export const PROBE_MESSAGE = 'bench merging';
