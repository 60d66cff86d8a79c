/** An authority and a certificate for 127.0.0.1, `localhost` and other names, made by openssl in a directory that the caller removes. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestCertificates {
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Lines of redis.conf. */
  readonly directives: readonly string[];
}

export async function makeCertificates(
  directory: string,
  names: readonly string[] = [],
): Promise<TestCertificates> {
  const path = (name: string) => join(directory, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const openssl = (...args: string[]) => run('openssl', args, { cwd: directory });
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  );
  await openssl(
    'req',
    ...newKey,
    '-subj',
    '/CN=redis',
    '-keyout',
    path('redis.key'),
    '-out',
    path('redis.csr'),
  );
  await writeFile(
    path('names'),
    `subjectAltName=${['DNS:localhost', 'IP:127.0.0.1', ...names.map((name) => `DNS:${name}`)].join(',')}\n`,
  );
  await openssl(
    'x509',
    '-req',
    '-in',
    path('redis.csr'),
    '-CA',
    path('ca.pem'),
    '-CAkey',
    path('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    path('names'),
    '-out',
    path('redis.pem'),
  );
  return {
    ca: await readFile(path('ca.pem'), 'utf8'),
    cert: await readFile(path('redis.pem'), 'utf8'),
    key: await readFile(path('redis.key'), 'utf8'),
    directives: [
      `tls-ca-cert-file ${path('ca.pem')}`,
      `tls-cert-file ${path('redis.pem')}`,
      `tls-key-file ${path('redis.key')}`,
    ],
  };
}
