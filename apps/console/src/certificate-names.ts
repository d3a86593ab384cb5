/** Whom a client's certificate names. */
import type { PeerCertificate } from 'node:tls';

/** Only what stands there plainly: Node quotes what could be taken for something else. */
const NAME = /^(?:DNS|URI|email):([^",]+)$/;

/** Its common names, DNS names, URIs and email addresses. */
export function namesIn({ subject, subjectaltname = '' }: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): readonly string[] {
  const alternative = subjectaltname.includes('"') ? [] : subjectaltname.split(', ').map((part) => NAME.exec(part)?.[1] ?? '');
  return [...[subject.CN ?? []].flat(), ...alternative].filter((name) => name !== '');
}
