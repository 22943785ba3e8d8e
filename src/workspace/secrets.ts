/**
 * Secrets at rest. In: the key, or the data folder that keeps one. Out: a box that seals text (AES-256-GCM) and opens it
 * again. Promised: what was sealed for one object cannot be opened as another's; a wrong key is told apart from a damaged
 * text; nothing here ever puts a secret into an error.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MillraceError } from '../base/errors.ts';
import { makeFolder } from '../base/folders.ts';

export interface Secrets {
  /** Tells keys apart without giving anything of them away. */
  readonly keyId: string;
  /** Where the key comes from, for people. */
  readonly origin: string;
  /** `owner` is the id of the object the text belongs to. */
  seal(owner: string, text: string): string;
  /** Errors: `secret_key_wrong`, `secret_damaged`. */
  open(owner: string, sealed: string): string;
}

export interface SecretsOptions {
  /** 32 bytes as base64 or as 64 hex digits; the file `secret.key` of the data folder, made on first use, when left out. */
  readonly key?: string | undefined;
  readonly dataFolder: string;
}

const format = 'v1';

/** Reads or makes the key. Errors: `secret_key_invalid`. */
export async function openSecrets(options: SecretsOptions): Promise<Secrets> {
  if (options.key !== undefined) return secretsWith(readKey(options.key, 'the configuration'), 'the configuration');
  const file = path.join(options.dataFolder, 'secret.key');
  const text = (await readIfThere(file)) ?? (await makeKeyFile(file));
  return secretsWith(readKey(text, file), file);
}

function readKey(text: string, origin: string): Buffer {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64');
  if (key.length !== 32) {
    throw new MillraceError('secret_key_invalid', `The secret key from ${origin} is not 32 bytes as base64 or hex.`);
  }
  return key;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MillraceError('secret_key_invalid', `The secret key file ${file} cannot be read.`, { cause: error });
  }
}

/** The file appears whole or not at all, and the first of several processes wins: a link refuses to replace. */
async function makeKeyFile(file: string): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await makeFolder(path.dirname(file));
    await writeFile(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new MillraceError('secret_key_invalid', `The secret key file ${file} cannot be made.`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

function secretsWith(key: Buffer, origin: string): Secrets {
  const keyId = createHmac('sha256', key).update('millrace key id').digest('hex').slice(0, 16);
  return {
    keyId,
    origin,
    seal(owner, text) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(owner));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      const parts = [nonce, cipher.getAuthTag(), body].map((part) => part.toString('base64'));
      return [format, keyId, ...parts].join(':');
    },
    open(owner, sealed) {
      const [version, sealedWith, ...parts] = sealed.split(':');
      const [nonce, tag, body] = parts.map((part) => Buffer.from(part, 'base64'));
      if (version === format && sealedWith !== keyId) throw wrongKey(origin, keyId, sealedWith ?? '');
      try {
        if (version !== format || nonce === undefined || tag?.length !== 16 || body === undefined)
          throw new Error('form');
        const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(owner)).setAuthTag(tag);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
      } catch {
        throw new MillraceError('secret_damaged', `The stored secrets of ${owner} cannot be decrypted.`);
      }
    },
  };
}

function wrongKey(origin: string, keyId: string, sealedWith: string): MillraceError {
  return new MillraceError(
    'secret_key_wrong',
    `The secrets in this database were encrypted with another key (${sealedWith}) than the one from ${origin} (${keyId}).`,
  );
}
