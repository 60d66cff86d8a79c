/** Transport compressions of a gateway connection, as in the `compress` query parameter; `none` stands for its absence. */
export const TRANSPORT_COMPRESSIONS = ['none', 'zlib-stream', 'zstd-stream'] as const;

export type TransportCompression = (typeof TRANSPORT_COMPRESSIONS)[number];
