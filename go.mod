module github.com/confab-im/confab

go 1.26.0

require (
	filippo.io/edwards25519 v1.1.0
	github.com/makiuchi-d/gozxing v0.1.1
	github.com/mutecomm/go-sqlcipher/v4 v4.4.2
	github.com/stretchr/testify v1.12.1
	go.mau.fi/libsignal v0.2.1
	golang.org/x/crypto v0.58.0
	golang.org/x/image v0.47.0
	golang.org/x/net v0.62.0
	golang.org/x/text v0.43.0
	mellium.im/xmpp v0.22.0
	rsc.io/qr v0.2.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	golang.org/x/xerrors v0.0.0-20200804184101-5ec99f83aff1 // indirect
	google.golang.org/protobuf v1.36.10 // indirect
	mellium.im/reader v0.1.0 // indirect
	mellium.im/sasl v0.3.2 // indirect
	mellium.im/xmlstream v0.15.4 // indirect
)
