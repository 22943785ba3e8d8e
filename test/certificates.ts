/** Certificates for tests, made anew: an authority, and what it signs. All as PEM text. */
import forge from 'node-forge';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** Of the authority itself. */
  readonly cert: string;
  /** For a server that is reached as these host names, or for a client whose login is `name`. */
  sign(name: string, hosts?: readonly string[]): Certificate;
}

export function makeAuthority(name: string): Authority {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const own = newCertificate(name, keys.publicKey);
  own.setIssuer(own.subject.attributes);
  own.setExtensions([{ name: 'basicConstraints', cA: true }]);
  own.sign(keys.privateKey, forge.md.sha256.create());
  return {
    cert: forge.pki.certificateToPem(own),
    sign(subject, hosts = []) {
      const pair = forge.pki.rsa.generateKeyPair(2048);
      const cert = newCertificate(subject, pair.publicKey);
      cert.setIssuer(own.subject.attributes);
      const altNames = hosts.map((host) => (/^[\d.]+$/.test(host) ? { type: 7, ip: host } : { type: 2, value: host }));
      if (altNames.length > 0) cert.setExtensions([{ name: 'subjectAltName', altNames }]);
      cert.sign(keys.privateKey, forge.md.sha256.create());
      return { cert: forge.pki.certificateToPem(cert), key: forge.pki.privateKeyToPem(pair.privateKey) };
    },
  };
}

let serial = 0;

function newCertificate(name: string, publicKey: forge.pki.PublicKey): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  serial += 1;
  cert.publicKey = publicKey;
  cert.serialNumber = `0${serial.toString(16)}`.slice(-2);
  cert.validity.notBefore = new Date(Date.now() - 3_600_000);
  cert.validity.notAfter = new Date(Date.now() + 3_600_000);
  cert.setSubject([{ name: 'commonName', value: name }]);
  return cert;
}
