/**
 * Why Postgres could not be reached. In: what the driver threw. Out: an error that tells host, port, TLS, login, database
 * and permission apart. Promised: never the password, nor the URL.
 */
import type { ErrorCode } from '../base/error-codes.ts';
import { MillraceError } from '../base/errors.ts';

export interface Place {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
}

/** The parts of a URL, for people. Error: `database_url_invalid`. */
export function placeOf(url: string): Place {
  try {
    const { hostname, port, pathname, username, searchParams } = new URL(url);
    return {
      host: searchParams.get('host') ?? (decodeURIComponent(hostname) || 'localhost'),
      port: port || searchParams.get('port') || '5432',
      user: decodeURIComponent(username) || (searchParams.get('user') ?? ''),
      database: decodeURIComponent(pathname.slice(1)),
    };
  } catch {
    // The parser's own error quotes the URL, with the password.
    throw new MillraceError('database_url_invalid', 'The database URL cannot be read.');
  }
}

const byCode: Readonly<Record<string, ErrorCode>> = {
  ENOTFOUND: 'database_host_unknown',
  EAI_AGAIN: 'database_host_unknown',
  ECONNREFUSED: 'database_unreachable',
  ECONNRESET: 'database_unreachable',
  ETIMEDOUT: 'database_unreachable',
  EHOSTUNREACH: 'database_unreachable',
  ENETUNREACH: 'database_unreachable',
  EPIPE: 'database_unreachable',
  // A socket file that is not there.
  ENOENT: 'database_unreachable',
  EPROTO: 'database_tls_failed',
  CERT_HAS_EXPIRED: 'database_tls_failed',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'database_tls_failed',
  SELF_SIGNED_CERT_IN_CHAIN: 'database_tls_failed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'database_tls_failed',
  UNABLE_TO_GET_ISSUER_CERT: 'database_tls_failed',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'database_tls_failed',
  '28000': 'database_login_failed',
  '28P01': 'database_login_failed',
  '3D000': 'database_missing',
  '42501': 'database_permission',
  '53300': 'database_busy',
  '57P01': 'database_unreachable',
  '57P02': 'database_unreachable',
  '57P03': 'database_busy',
  '53100': 'database_disk_full',
};

/** Whether an error says that the server went away, or takes no connections now. */
export function isLoss(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof MillraceError) return false;
  const code = String((error as { code?: unknown }).code ?? '');
  return /^(57P0[123]|08|ECONN|EPIPE)/.test(code) || /Connection terminated/i.test(error.message);
}

/** The same error when it is none of these. */
export function explainConnection(error: unknown, place: Place): unknown {
  if (!(error instanceof Error) || error instanceof MillraceError) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  return new MillraceError(code, sentence(code, place, error), { cause: withoutSecrets(error) });
}

function codeOf(error: Error): ErrorCode | undefined {
  const { message } = error;
  const code = String((error as { code?: unknown }).code ?? '');
  // Rules of pg_hba.conf count as login failures even when it is the encryption that does not suit them.
  if (code === '28000' && /no encryption|SSL off|SSL encryption/i.test(message)) return 'database_tls_failed';
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code.startsWith('ERR_OSSL'))
    return 'database_tls_failed';
  // The file of a certificate.
  if ((error as NodeJS.ErrnoException).syscall === 'open') return 'database_tls_failed';
  if (/does not support SSL|SSL connection|certificate|sslrootcert/i.test(message)) return 'database_tls_failed';
  if (/password must be a string|SASL/i.test(message)) return 'database_login_failed';
  return byCode[code] ?? (/timeout|terminated/i.test(message) ? 'database_unreachable' : undefined);
}

function sentence(code: ErrorCode, place: Place, error: Error): string {
  const at = `${place.host}:${place.port}`;
  switch (code) {
    case 'database_host_unknown':
      return `The database host ${place.host} is unknown.`;
    case 'database_unreachable':
      return `No Postgres answers at ${at} (${String((error as { code?: unknown }).code ?? 'timeout')}).`;
    case 'database_tls_failed':
      return `The encrypted connection to ${at} failed: ${error.message}.`;
    case 'database_login_failed':
      return `Postgres at ${at} refused the login of user ${place.user || '(none)'}.`;
    case 'database_missing':
      return `There is no database ${place.database || place.user} at ${at}.`;
    case 'database_permission':
      return `User ${place.user} may not do this in database ${place.database} at ${at}: ${error.message}.`;
    case 'database_busy':
      return `Postgres at ${at} takes no connection now: ${error.message}.`;
    default:
      return `Postgres at ${at} cannot be used: ${error.message}.`;
  }
}

/** Drivers hang the connection's parameters on their errors. */
function withoutSecrets(error: Error): Error {
  return Object.assign(new Error(error.message), { name: error.name, code: (error as { code?: unknown }).code });
}
