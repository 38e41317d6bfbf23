// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// Channel-binding types, strongest first.
const (
	// bindExporter is RFC 9266: for TLS 1.3, and 1.2 with the extended master
	// secret. It names this one connection.
	bindExporter = "tls-exporter"
	// bindUnique is RFC 5929 section 3: for TLS 1.2 and before, also one
	// connection. crypto/tls gives no value where it would be unsafe.
	bindUnique = "tls-unique"
	// bindEndPoint is RFC 5929 section 4: it names the server's certificate,
	// so it does not see an attacker who stole that one's key.
	bindEndPoint = "tls-server-end-point"
)

var bindingTypes = []string{bindExporter, bindUnique, bindEndPoint}

// bindingStrength orders types; 0 is none.
func bindingStrength(name string) int {
	switch name {
	case bindExporter, bindUnique:
		return 2
	case bindEndPoint:
		return 1
	}
	return 0
}

// guessed are the types to try, in that order, with a server that offers -PLUS
// but announces no types: the default type of its TLS version first.
func guessed(cs tls.ConnectionState) []string {
	if cs.Version >= tls.VersionTLS13 {
		return []string{bindExporter, bindEndPoint}
	}
	return []string{bindUnique, bindEndPoint}
}

// bindingData returns the channel-binding data of a type, nil when this
// connection has none.
func bindingData(name string, cs tls.ConnectionState) []byte {
	switch name {
	case bindExporter:
		// The context is empty but present, which matters in TLS 1.2.
		data, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil {
			return nil
		}
		return data
	case bindUnique:
		if cs.Version >= tls.VersionTLS13 {
			return nil
		}
		return slices.Clone(cs.TLSUnique)
	case bindEndPoint:
		if len(cs.PeerCertificates) == 0 {
			return nil
		}
		return endPoint(cs.PeerCertificates[0])
	}
	return nil
}

// endPoint hashes a certificate as RFC 5929 section 4.1 says: with the hash of
// its signature, or SHA-256 where that is MD5 or SHA-1. It returns nil where
// the signature has no single hash, as with Ed25519.
func endPoint(cert *x509.Certificate) []byte {
	var h crypto.Hash
	switch cert.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.DSAWithSHA256, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		h = crypto.SHA512
	default:
		return nil
	}
	d := h.New()
	d.Write(cert.Raw)
	return d.Sum(nil)
}
