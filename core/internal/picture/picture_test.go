// SPDX-License-Identifier: MPL-2.0

package picture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// quarters is a picture whose quarters are red, green, blue and white.
func quarters(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, quarterColours[2*(2*y/h)+2*x/w])
		}
	}
	return m
}

var quarterColours = []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}

// seen returns which quarter's colour is in the middle of each quarter.
func seen(m image.Image) [4]int {
	var got [4]int
	b := m.Bounds()
	for i := range got {
		x, y := b.Min.X+b.Dx()*(1+2*(i%2))/4, b.Min.Y+b.Dy()*(1+2*(i/2))/4
		r, g, bl, _ := m.At(x, y).RGBA()
		switch {
		case r > 0xc000 && g > 0xc000 && bl > 0xc000:
			got[i] = 3
		case r > g && r > bl:
			got[i] = 0
		case g > bl:
			got[i] = 1
		default:
			got[i] = 2
		}
	}
	return got
}

func jpegOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

// withExif puts an APP1 segment behind the start of a JPEG.
func withExif(b []byte, order binary.AppendByteOrder, mark string, o uint16) []byte {
	exif := []byte("Exif\x00\x00" + mark)
	exif = order.AppendUint32(exif, 8)
	exif = order.AppendUint16(exif, 2)
	exif = append(exif, make([]byte, entrySize)...) // another entry
	exif = order.AppendUint16(exif, tagOrientation)
	exif = order.AppendUint16(exif, typeShort)
	exif = order.AppendUint32(exif, 1)
	exif = order.AppendUint16(exif, o)
	exif = append(exif, "\x00\x00canary at 52.5 N 13.4 E"...)
	return withSegment(b, 0xe1, exif)
}

func withSegment(b []byte, marker byte, content []byte) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(content)+2))
	return append(append(append([]byte{}, b[:2]...), append(segment, content...)...), b[2:]...)
}

func TestInspect(t *testing.T) {
	var g bytes.Buffer
	require.NoError(t, gif.Encode(&g, quarters(40, 30), nil))
	for name, b := range map[string][]byte{
		JPEG: jpegOf(t, quarters(40, 30)), PNG: pngOf(t, quarters(40, 30)), GIF: g.Bytes(),
	} {
		info, err := Inspect(bytes.NewReader(b), Limits{})
		require.NoError(t, err)
		require.Equal(t, []any{name, 40, 30, false}, []any{info.MediaType, info.Width, info.Height, info.Turned})
	}
	info, err := Inspect(bytes.NewReader(withExif(jpegOf(t, quarters(40, 30)), binary.BigEndian, "MM\x00*", 6)), Limits{})
	require.NoError(t, err)
	require.Equal(t, []any{30, 40, true}, []any{info.Width, info.Height, info.Turned})

	for _, bad := range []string{"", "x", "<svg/>", "\xff\xd8", "RIFF\x00\x00\x00\x00WAVE", "\x00\x00\x00\x18ftypheic"} {
		_, err := Inspect(strings.NewReader(bad), Limits{})
		require.ErrorIs(t, err, ErrFormat, "%q", bad)
	}
	for _, bad := range []string{
		"\xff\xd8\xff", "\xff\xd8\xff\xe0\x00\x01", "\xff\xd8\xff\xd9\x00\x04xx", "\xff\xd8\xff\xe1\xff\xff", "\x89PNG\r\n\x1a\n", "GIF89a",
		"RIFF\x00\x00\x00\x00WEBPVP8 ", "\xff\xd8" + strings.Repeat("\xff\xe0\x00\x02", 5000), "\xff\xd8" + strings.Repeat("\xff", 100),
		"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x00\x00\x00\x03",
	} {
		_, err := Inspect(strings.NewReader(bad), Limits{})
		require.ErrorIs(t, err, ErrMalformed, "%q", bad)
	}
}

// Small files that claim to be huge pictures.
func TestBombs(t *testing.T) {
	frame := func(marker byte, w, h uint16, components byte) []byte {
		b := append([]byte{0xff, 0xd8, 0xff, marker, 0, 11, 8}, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, h), w)...)
		return append(b, components, 0, 0, 0)
	}
	ihdr := func(w, h uint32, depth, colour byte) []byte {
		chunk := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
		chunk = append(chunk, depth, colour, 0, 0, 0)
		b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), chunk...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk))
	}
	screen := func(w, h uint16) []byte {
		b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16([]byte("GIF89a"), w), h)
		return append(b, 0, 0, 0)
	}
	for name, test := range map[string]struct {
		file []byte
		want error
	}{
		"jpeg":                {frame(0xc0, 65535, 65535, 3), ErrTooLarge},
		"jpeg, usual":         {frame(0xc0, 8000, 5000, 3), nil},
		"jpeg, progressive":   {frame(0xc2, 8000, 5000, 3), ErrTooLarge},
		"jpeg, progressive 2": {frame(0xc2, 4000, 3000, 3), nil},
		"jpeg, components":    {frame(0xc0, 8000, 5000, 255), ErrTooLarge},
		"png":                 {ihdr(1<<20, 1<<20, 8, 6), ErrTooLarge},
		"png, wide":           {ihdr(1<<31-1, 1, 8, 0), ErrTooLarge},
		"png, deep":           {ihdr(7000, 5000, 16, 6), ErrTooLarge},
		"png, usual":          {ihdr(7000, 5000, 8, 6), nil},
		"gif":                 {screen(65535, 65535), ErrTooLarge},
		"webp":                {[]byte("RIFF\x16\x00\x00\x00WEBPVP8 \x0a\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f"), ErrTooLarge},
		"webp, lossless":      {[]byte("RIFF\x16\x00\x00\x00WEBPVP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f"), ErrTooLarge},
		"webp, canvas":        {[]byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00VP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f"), ErrMalformed},
		"jpeg, hidden frame":  {append([]byte("\xff\xd8\xff\x00\x00\x0f"), append(frame(0xc0, 65535, 65535, 3)[2:], frame(0xc0, 8, 8, 3)[2:]...)...), ErrMalformed},
	} {
		_, err := Inspect(bytes.NewReader(test.file), Limits{})
		if test.want == nil {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, test.want, name)
		_, err = MakeThumbnail(bytes.NewReader(test.file), 0, 0, Limits{})
		require.ErrorIs(t, err, test.want, name)
		require.ErrorIs(t, errors.Join(prepareError(test.file)), test.want, name)
	}
	_, err := Inspect(bytes.NewReader(jpegOf(t, quarters(40, 30))), Limits{Pixels: 1199})
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = Inspect(bytes.NewReader(jpegOf(t, quarters(40, 30))), Limits{Memory: 3599})
	require.ErrorIs(t, err, ErrTooLarge)
}

func prepareError(b []byte) error {
	_, err := Prepare(io.Discard, bytes.NewReader(b), 0, Limits{})
	return err
}

func TestThumbnail(t *testing.T) {
	for name, b := range map[string][]byte{"jpeg": jpegOf(t, quarters(1000, 500)), "png": pngOf(t, quarters(1000, 500))} {
		got, err := MakeThumbnail(bytes.NewReader(b), 0, 0, Limits{})
		require.NoError(t, err, name)
		require.Equal(t, []int{256, 128}, []int{got.Width, got.Height})
		m, err := jpeg.Decode(bytes.NewReader(got.Data))
		require.NoError(t, err)
		require.Equal(t, image.Pt(256, 128), m.Bounds().Size())
		require.Equal(t, [4]int{0, 1, 2, 3}, seen(m))
	}
	got, err := MakeThumbnail(bytes.NewReader(jpegOf(t, quarters(100, 30))), 0, 0, Limits{})
	require.NoError(t, err)
	require.Equal(t, []int{100, 30}, []int{got.Width, got.Height}, "not made larger")
	got, err = MakeThumbnail(bytes.NewReader(jpegOf(t, quarters(300, 200))), 256, 0, Limits{})
	require.NoError(t, err)
	require.Equal(t, []int{256, 170}, []int{got.Width, got.Height})
	got, err = MakeThumbnail(bytes.NewReader(pngOf(t, quarters(5000, 2))), 256, 0, Limits{})
	require.NoError(t, err)
	require.Equal(t, []int{256, 1}, []int{got.Width, got.Height})

	noise := image.NewNRGBA(image.Rect(0, 0, 400, 400))
	for i := range noise.Pix {
		noise.Pix[i] = byte(i * i * 7 >> 3)
	}
	got, err = MakeThumbnail(bytes.NewReader(pngOf(t, noise)), 256, 3000, Limits{})
	require.NoError(t, err)
	require.LessOrEqual(t, len(got.Data), 3000)
	_, err = MakeThumbnail(bytes.NewReader(pngOf(t, noise)), 256, 100, Limits{})
	require.ErrorIs(t, err, ErrTooLarge)

	clear := image.NewNRGBA(image.Rect(0, 0, 20, 20))
	got, err = MakeThumbnail(bytes.NewReader(pngOf(t, clear)), 0, 0, Limits{})
	require.NoError(t, err)
	m, err := jpeg.Decode(bytes.NewReader(got.Data))
	require.NoError(t, err)
	require.Equal(t, [4]int{3, 3, 3, 3}, seen(m), "transparent is white")
}

// Each orientation shows the quarters where they belong.
func TestOrientation(t *testing.T) {
	source := jpegOf(t, quarters(80, 40))
	for o, want := range map[uint16][4]int{
		1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {3, 2, 1, 0}, 4: {2, 3, 0, 1},
		5: {0, 2, 1, 3}, 6: {2, 0, 3, 1}, 7: {3, 1, 2, 0}, 8: {1, 3, 0, 2}, 0: {0, 1, 2, 3}, 9: {0, 1, 2, 3}, 262: {0, 1, 2, 3},
	} {
		for mark, order := range map[string]binary.AppendByteOrder{"MM\x00*": binary.BigEndian, "II*\x00": binary.LittleEndian} {
			for _, box := range []int{0, 20} {
				var b bytes.Buffer
				info, err := Prepare(&b, bytes.NewReader(withExif(source, order, mark, o)), box, Limits{})
				require.NoError(t, err)
				require.NotContains(t, b.String(), "canary")
				require.NotContains(t, b.String(), "Exif")
				m, err := jpeg.Decode(&b)
				require.NoError(t, err)
				require.Equal(t, want, seen(m), "orientation %d, box %d", o, box)
				require.Equal(t, info.Width, m.Bounds().Dx())
				require.Equal(t, o >= 5 && o <= 8, m.Bounds().Dy() > m.Bounds().Dx())
			}
		}
	}
	for _, exif := range []string{
		"", "Exif\x00\x00", "Exif\x00\x00MM\x00*\xff\xff\xff\xff", "Exif\x00\x00XX\x00*\x00\x00\x00\x08", "Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff",
		"http://ns.adobe.com/xap/1.0/\x00canary",
	} {
		require.Equal(t, upright, exifOrientation([]byte(exif)), "%q", exif)
	}
}

func TestPrepare(t *testing.T) {
	secret := withSegment(withSegment(jpegOf(t, quarters(3000, 100)), 0xfe, []byte("canary comment")), 0xed, []byte("canary photoshop"))
	var b bytes.Buffer
	info, err := Prepare(&b, bytes.NewReader(secret), 0, Limits{})
	require.NoError(t, err)
	require.NotContains(t, b.String(), "canary")
	require.Equal(t, []any{JPEG, 2560, 85}, []any{info.MediaType, info.Width, info.Height})

	text := pngOf(t, quarters(50, 40))
	chunk := append([]byte("tEXt"), "Comment\x00canary"...)
	text = append(append(append(append([]byte{}, text[:33]...), 0, 0, 0, byte(len(chunk)-4)), chunk...),
		append(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(chunk)), text[33:]...)...)
	b.Reset()
	info, err = Prepare(&b, bytes.NewReader(text), 0, Limits{})
	require.NoError(t, err)
	require.Equal(t, PNG, info.MediaType)
	require.NotContains(t, b.String(), "canary")
	m, err := png.Decode(&b)
	require.NoError(t, err)
	require.Equal(t, [4]int{0, 1, 2, 3}, seen(m))

	failing := errors.New("no space")
	_, err = Prepare(writer(func([]byte) (int, error) { return 0, failing }), bytes.NewReader(text), 0, Limits{})
	require.ErrorIs(t, err, failing)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// The smallest WebP of one pixel, lossless.
const webpPixel = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func TestWebP(t *testing.T) {
	pixel, err := base64.StdEncoding.DecodeString(webpPixel)
	require.NoError(t, err)
	info, err := Inspect(bytes.NewReader(pixel), Limits{})
	require.NoError(t, err)
	require.Equal(t, []any{WebP, 1, 1}, []any{info.MediaType, info.Width, info.Height})
	var b bytes.Buffer
	info, err = Prepare(&b, bytes.NewReader(pixel), 0, Limits{})
	require.NoError(t, err)
	require.Contains(t, []string{JPEG, PNG}, info.MediaType)
	for n := range 25 {
		require.Error(t, prepareError(pixel[:n]))
	}
}

func animation(t testing.TB) []byte {
	g := gif.GIF{LoopCount: 0}
	for range 3 {
		p := image.NewPaletted(image.Rect(0, 0, 20, 10), color.Palette{color.Black, color.White})
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 10)
	}
	var b bytes.Buffer
	require.NoError(t, gif.EncodeAll(&b, &g))
	return b.Bytes()
}

func TestGIF(t *testing.T) {
	source := animation(t)
	at := bytes.Index(source, []byte("\x21\xff\x0bNETSCAPE2.0"))
	require.Positive(t, at)
	secret := append([]byte{}, source[:at]...)
	secret = append(secret, "\x21\xfe\x06canary\x00\x21\xff\x0bXMP DataXMPcanary\x00\x21\x01\x06canary\x00"...)
	secret = append(append(secret, source[at:]...), "canary at the end"...)
	// The application's name has 11 bytes, what follows is its data.
	secret = bytes.Replace(secret, []byte("XMP DataXMPcanary\x00"), []byte("XMP DataXMP\x06canary\x00"), 1)
	var b bytes.Buffer
	info, err := Prepare(&b, bytes.NewReader(secret), 5, Limits{})
	require.NoError(t, err)
	require.Equal(t, []any{GIF, 20, 10}, []any{info.MediaType, info.Width, info.Height})
	require.Equal(t, source, b.Bytes())

	for n := range source {
		require.Error(t, prepareError(source[:n]), n)
	}
	frame := source[bytes.IndexByte(source, gifImage) : len(source)-1]
	many := append(append([]byte{}, source[:len(source)-1]...), bytes.Repeat(frame, maxFrames)...)
	require.ErrorIs(t, prepareError(many), ErrTooLarge)
}

func FuzzPicture(f *testing.F) {
	pixel, err := base64.StdEncoding.DecodeString(webpPixel)
	require.NoError(f, err)
	for _, b := range [][]byte{
		jpegOf(f, quarters(8, 4)), pngOf(f, quarters(8, 4)), animation(f), pixel, withExif(jpegOf(f, quarters(8, 4)), binary.LittleEndian, "II*\x00", 6),
	} {
		f.Add(b)
	}
	limits := Limits{Pixels: 1 << 16, Memory: 1 << 22}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Inspect(bytes.NewReader(b), limits)
		thumb, thumbErr := MakeThumbnail(bytes.NewReader(b), 16, 0, limits)
		if err != nil {
			require.Error(t, thumbErr)
			return
		}
		require.LessOrEqual(t, info.Width*info.Height, 1<<16)
		if thumbErr == nil {
			m, err := jpeg.DecodeConfig(bytes.NewReader(thumb.Data))
			require.NoError(t, err)
			require.LessOrEqual(t, max(m.Width, m.Height), 16)
		}
		var out bytes.Buffer
		if sent, err := Prepare(&out, bytes.NewReader(b), 32, limits); err == nil && sent.MediaType != GIF {
			again, err := Inspect(bytes.NewReader(out.Bytes()), limits)
			require.NoError(t, err)
			require.Equal(t, []any{sent.MediaType, sent.Width, sent.Height, false}, []any{again.MediaType, again.Width, again.Height, again.Turned})
		}
	})
}

func BenchmarkThumbnail(b *testing.B) {
	source := jpegOf(b, quarters(4000, 3000))
	for b.Loop() {
		_, err := MakeThumbnail(bytes.NewReader(source), 0, 0, Limits{})
		require.NoError(b, err)
	}
}
