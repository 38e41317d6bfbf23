// SPDX-License-Identifier: MPL-2.0

package transfer_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/transfer"
)

// serve runs an HTTPS server and returns its address and a client for it.
func serve(t *testing.T, cfg transfer.Config, handler http.HandlerFunc) (string, *transfer.Client) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	cfg.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return s.URL + "/file", newClient(t, cfg)
}

func newClient(t *testing.T, cfg transfer.Config) *transfer.Client {
	t.Helper()
	c, err := transfer.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func code(err error) string {
	var coded interface{ Code() string }
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return ""
}

func TestPut(t *testing.T) {
	content := random(3 << 20)
	var got []byte
	var header http.Header
	url, client := serve(t, transfer.Config{UserAgent: "Brand"}, func(w http.ResponseWriter, r *http.Request) {
		var err error
		got, err = io.ReadAll(r.Body)
		require.NoError(t, err)
		header = r.Header
		require.Equal(t, int64(len(content)), r.ContentLength)
		require.Empty(t, r.URL.Fragment)
		w.WriteHeader(http.StatusCreated)
	})
	var told []int64
	err := client.Put(t.Context(), transfer.Upload{
		URL: url + "#key", Body: bytes.NewReader(content), Size: int64(len(content)), MediaType: "image/jpeg",
		Headers: []transfer.Header{
			{"Authorization", "Basic \r\nabc"}, {"cookie", "a=b"}, {"Cookie", "c=d"}, {"X-Evil", "1"}, {"Host", "evil.example"}, {"Expires", "soon"},
		},
		Progress: func(n int64) { told = append(told, n) },
	})
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
	require.Equal(t, []string{"Basic abc"}, header["Authorization"])
	require.Equal(t, []string{"a=b", "c=d"}, header["Cookie"])
	require.Equal(t, []string{"soon"}, header["Expires"])
	require.Equal(t, "image/jpeg", header.Get("Content-Type"))
	require.Equal(t, "Brand", header.Get("User-Agent"))
	require.NotContains(t, header, "X-Evil")
	require.Greater(t, len(told), 2)
	require.IsIncreasing(t, told)
	require.Equal(t, int64(len(content)), told[len(told)-1])
}

func TestPutRefused(t *testing.T) {
	for status, want := range map[int]string{
		301: "transfer.redirect", 307: "transfer.redirect", 400: "transfer.status", 403: "transfer.status",
		404: "transfer.gone", 410: "transfer.gone", 413: "transfer.too-large", 429: "transfer.quota", 500: "transfer.status",
		503: "transfer.status", 507: "transfer.quota",
	} {
		elsewhere := false
		url, client := serve(t, transfer.Config{}, func(w http.ResponseWriter, r *http.Request) {
			elsewhere = elsewhere || r.URL.Path != "/file"
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		err := client.Put(t.Context(), transfer.Upload{URL: url, Body: strings.NewReader("abc"), Size: 3})
		require.Equal(t, want, code(err), status)
		require.Equal(t, status == 500 || status == 503, transfer.Temporary(err))
		require.False(t, elsewhere)
		require.NotContains(t, err.Error(), "127.0.0.1")
	}
}

// A file that is refused is not sent first.
func TestPutRefusedBeforeSending(t *testing.T) {
	url, client := serve(t, transfer.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	const size = 200 << 20
	read := int64(0)
	err := client.Put(t.Context(), transfer.Upload{
		URL: url, Body: io.LimitReader(zeros{}, size), Size: size, Progress: func(n int64) { read = n },
	})
	var large *transfer.TooLargeError
	require.ErrorAs(t, err, &large)
	require.Less(t, read, int64(size)/2)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestPutSource(t *testing.T) {
	url, client := serve(t, transfer.Config{}, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for name, body := range map[string]io.Reader{
		"short": strings.NewReader("ab"), "long": strings.NewReader("abcd"), "broken": io.MultiReader(strings.NewReader("a"), broken{}),
	} {
		err := client.Put(t.Context(), transfer.Upload{URL: url, Body: body, Size: 3})
		require.ErrorIs(t, err, transfer.ErrSource, name)
		require.NotContains(t, err.Error(), "canary")
	}
	require.ErrorIs(t, client.Put(t.Context(), transfer.Upload{URL: url}), transfer.ErrConfig)
	require.ErrorIs(t, client.Put(t.Context(), transfer.Upload{URL: url, Body: strings.NewReader(""), Size: 0}), transfer.ErrConfig)
}

type broken struct{}

func (broken) Read([]byte) (int, error) {
	return 0, &os.PathError{Op: "read", Path: "/canary", Err: errors.New("bad disk")}
}

func TestAddresses(t *testing.T) {
	client := newClient(t, transfer.Config{})
	for _, url := range []string{
		"", "x", "http://127.0.0.1/canary", "aesgcm://127.0.0.1/canary", "file:///canary", "https:///canary",
		"https://user:canary@127.0.0.1/", "https://[canary", "//127.0.0.1/canary", "https:canary",
	} {
		err := client.Put(t.Context(), transfer.Upload{URL: url, Body: strings.NewReader("a"), Size: 1})
		require.ErrorIs(t, err, transfer.ErrURL, url)
		require.NotContains(t, err.Error(), "canary")
		_, err = client.Get(t.Context(), transfer.Download{URL: url, Limit: 1}, io.Discard)
		require.ErrorIs(t, err, transfer.ErrURL, url)
	}
}

// A server that takes the file and says nothing, one that does not even read,
// and one that stops in the middle of its answer.
func TestStalls(t *testing.T) {
	cfg := transfer.Config{Stall: 100 * time.Millisecond, Answer: 100 * time.Millisecond}
	silent := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	url, client := serve(t, cfg, silent)
	err := client.Put(t.Context(), transfer.Upload{URL: url, Body: strings.NewReader("abc"), Size: 3})
	require.ErrorIs(t, err, transfer.ErrTimeout)
	require.True(t, transfer.Temporary(err))

	stop := make(chan struct{})
	url, client = serve(t, cfg, func(http.ResponseWriter, *http.Request) { <-stop })
	t.Cleanup(func() { close(stop) })
	err = client.Put(t.Context(), transfer.Upload{URL: url, Body: zeros{}, Size: 1 << 40})
	require.ErrorIs(t, err, transfer.ErrTimeout)

	url, client = serve(t, cfg, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("abc"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	_, err = client.Get(t.Context(), transfer.Download{URL: url, Limit: 100}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrTimeout)
}

func TestCancel(t *testing.T) {
	reason := errors.New("person tapped cancel")
	started := make(chan struct{}, 1)
	url, client := serve(t, transfer.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-started; cancel(reason) }()
	require.ErrorIs(t, client.Put(ctx, transfer.Upload{URL: url, Body: strings.NewReader("abc"), Size: 3}), reason)

	ctx, cancel = context.WithCancelCause(t.Context())
	go func() { <-started; cancel(reason) }()
	_, err := client.Get(ctx, transfer.Download{URL: url, Limit: 3}, io.Discard)
	require.ErrorIs(t, err, reason)

	go func() { <-started; _ = client.Close() }()
	_, err = client.Get(t.Context(), transfer.Download{URL: url, Limit: 3}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrClosed)
	_, err = client.Get(t.Context(), transfer.Download{URL: url, Limit: 3}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrClosed)
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	client := newClient(t, transfer.Config{})
	_, err = client.Get(t.Context(), transfer.Download{URL: "https://" + l.Addr().String() + "/canary", Limit: 1}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrConnection)
	require.NotContains(t, err.Error(), "canary")

	url, _ := serve(t, transfer.Config{}, func(http.ResponseWriter, *http.Request) {})
	client = newClient(t, transfer.Config{RootCAs: x509.NewCertPool()})
	_, err = client.Get(t.Context(), transfer.Download{URL: url, Limit: 1}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrCertificate)
	require.False(t, transfer.Temporary(err))
}

func TestGet(t *testing.T) {
	content := append([]byte("\xff\xd8\xff\xe0"), random(300_000)...)
	url, client := serve(t, transfer.Config{}, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
		require.Empty(t, r.Header["User-Agent"])
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(content)
	})
	var b bytes.Buffer
	last := int64(0)
	got, err := client.Get(t.Context(), transfer.Download{
		URL: url + "#secret", Limit: 1 << 20, Size: int64(len(content)), Progress: func(n, _ int64) { last = n },
	}, &b)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, b.Bytes()))
	require.Equal(t, transfer.Result{Size: int64(len(content)), MediaType: "text/html", Sniffed: "image/jpeg"}, got)
	require.Equal(t, int64(len(content)), last)

	_, err = client.Get(t.Context(), transfer.Download{URL: url}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrConfig)
	_, err = client.Get(t.Context(), transfer.Download{URL: url, Limit: 1 << 20}, failing{})
	require.ErrorIs(t, err, transfer.ErrTarget)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space") }

// What a lying server may do, and what comes of it.
func TestLies(t *testing.T) {
	reply := func(header map[string]string, status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		size    int64
		want    string
	}{
		"announces too much":   {reply(map[string]string{"Content-Length": "1000"}, 200, "abc"), 0, "transfer.too-large"},
		"sends less":           {reply(map[string]string{"Content-Length": "10"}, 200, "abc"), 0, "transfer.connection"},
		"endless":              {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, zeros{}) }, 0, "transfer.too-large"},
		"other size":           {reply(nil, 200, "abcd"), 3, "transfer.size"},
		"chunked, longer":      {chunked("ab", "cd"), 3, "transfer.size"},
		"chunked, shorter":     {chunked("a", "b"), 3, "transfer.size"},
		"compressed":           {reply(map[string]string{"Content-Encoding": "gzip"}, 200, "abc"), 0, "transfer.answer"},
		"range, not asked for": {reply(map[string]string{"Content-Range": "bytes 0-2/3"}, 206, "abc"), 0, "transfer.answer"},
		"no content":           {reply(nil, 204, ""), 0, "transfer.answer"},
		"416":                  {reply(map[string]string{"Content-Range": "bytes */3"}, 416, ""), 0, "transfer.answer"},
		"gone":                 {reply(nil, 404, "abc"), 0, "transfer.gone"},
		"cut off":              {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "transfer.connection"},
		"redirect to http":     {reply(map[string]string{"Location": "http://127.0.0.1/x"}, 302, ""), 0, "transfer.redirect"},
		"redirect to file":     {reply(map[string]string{"Location": "file:///x"}, 302, ""), 0, "transfer.redirect"},
		"redirect nowhere":     {reply(nil, 302, ""), 0, "transfer.redirect"},
		"redirect in circles":  {reply(map[string]string{"Location": "/file"}, 302, ""), 0, "transfer.redirect"},
		"not modified":         {reply(nil, 304, ""), 0, "transfer.redirect"},
		"endless header":       {reply(map[string]string{"X": strings.Repeat("x", 1<<20)}, 200, "abc"), 0, "transfer.connection"},
	} {
		url, client := serve(t, transfer.Config{}, test.handler)
		path := filepath.Join(t.TempDir(), "f")
		_, err := client.GetFile(t.Context(), path, transfer.Download{URL: url, Limit: 100, Size: test.size})
		require.Equal(t, test.want, code(err), "%s: %v", name, err)
		require.NoFileExists(t, path, name)
	}
	client := newClient(t, transfer.Config{})
	_, err := client.Get(t.Context(), transfer.Download{URL: "https://127.0.0.1/", Limit: 10, Size: 11}, io.Discard)
	require.Equal(t, "transfer.too-large", code(err), "not even asked for")
}

func chunked(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, p := range parts {
			_, _ = io.WriteString(w, p)
			w.(http.Flusher).Flush()
		}
	}
}

func TestRedirectIsFollowed(t *testing.T) {
	url, client := serve(t, transfer.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file" {
			http.Redirect(w, r, "/other#x", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "abc")
	})
	var b bytes.Buffer
	_, err := client.Get(t.Context(), transfer.Download{URL: url, Limit: 3}, &b)
	require.NoError(t, err)
	require.Equal(t, "abc", b.String())
}

// A download that is cut off goes on where it was.
func TestResume(t *testing.T) {
	content := random(200_000)
	var ranges []string
	cuts := 2
	url, client := serve(t, transfer.Config{}, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		if cuts == 0 {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
			return
		}
		cuts--
		offset := 0
		if s := r.Header.Get("Range"); s != "" {
			var err error
			offset, err = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(s, "bytes="), "-"))
			require.NoError(t, err)
			w.Header().Set("Content-Range", "bytes "+strconv.Itoa(offset)+"-199999/200000")
			w.Header().Set("Content-Length", strconv.Itoa(200_000-offset))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", "200000")
		}
		_, _ = w.Write(content[offset : offset+50_000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	path := filepath.Join(t.TempDir(), "f")
	d := transfer.Download{URL: url, Limit: 1 << 20}
	for range 2 {
		_, err := client.ResumeFile(t.Context(), path, d)
		require.ErrorIs(t, err, transfer.ErrConnection)
		require.NoFileExists(t, path)
	}
	got, err := client.ResumeFile(t.Context(), path, d)
	require.NoError(t, err)
	require.Equal(t, int64(len(content)), got.Size)
	require.Equal(t, []string{"", "bytes=50000-", "bytes=100000-"}, ranges)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, file))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoFileExists(t, path+".part")
}

// What may come of a part that is there, by what the server does.
func TestResumeOdd(t *testing.T) {
	whole := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "abcdef") }
	partial := func(contentRange, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				whole(w, r)
				return
			}
			w.Header().Set("Content-Range", contentRange)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, body)
		}
	}
	ranges := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("abcdef"))
	}
	for name, test := range map[string]struct {
		part    string
		handler http.HandlerFunc
		size    int64
		want    string // content, or code
	}{
		"continues":               {"abc", ranges, 0, "abcdef"},
		"knows no ranges":         {"xyz", whole, 0, "abcdef"},
		"complete already":        {"abcdef", ranges, 0, "abcdef"},
		"complete, right size":    {"abcdef", ranges, 6, "abcdef"},
		"longer than there is":    {"abcdefgh", ranges, 0, "abcdef"},
		"longer than it may be":   {"abcdefgh", ranges, 6, "abcdef"},
		"longer than the limit":   {strings.Repeat("x", 101), ranges, 0, "abcdef"},
		"nothing there":           {"", ranges, 0, "abcdef"},
		"other beginning":         {"abc", partial("bytes 2-5/6", "cdef"), 0, "transfer.answer"},
		"as Prosody counts":       {"abc", partial("bytes 3-6/6", "def"), 0, "abcdef"},
		"nothing in range":        {"abc", partial("bytes 3-3/3", ""), 0, "transfer.answer"},
		"not to the end":          {"abc", partial("bytes 3-4/6", "de"), 0, "transfer.answer"},
		"no range":                {"abc", partial("", "def"), 0, "transfer.answer"},
		"absurd range":            {"abc", partial("bytes 3-99999999999999999999/6", "def"), 0, "transfer.answer"},
		"negative":                {"abc", partial("bytes 3--1/6", "def"), 0, "transfer.answer"},
		"unknown size":            {"abc", partial("bytes 3-5/*", "def"), 0, "abcdef"},
		"more than its range":     {"abc", partial("bytes 3-5/6", "defgh"), 0, "transfer.answer"},
		"range beyond the limit":  {"abc", partial("bytes 3-999/1000", "def"), 0, "transfer.answer"},
		"size not as expected":    {"abc", ranges, 7, "transfer.size"},
		"always out of range 416": {"abc", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(416) }, 0, "transfer.answer"},
	} {
		url, client := serve(t, transfer.Config{}, test.handler)
		path := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(path+".part", []byte(test.part), 0o600))
		_, err := client.ResumeFile(t.Context(), path, transfer.Download{URL: url, Limit: 100, Size: test.size})
		if strings.HasPrefix(test.want, "transfer.") {
			require.Equal(t, test.want, code(err), "%s: %v", name, err)
			require.NoFileExists(t, path, name)
			continue
		}
		require.NoError(t, err, name)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, test.want, string(content), name)
	}
}

func TestTargetCannotBeWritten(t *testing.T) {
	url, client := serve(t, transfer.Config{}, func(http.ResponseWriter, *http.Request) {})
	_, err := client.GetFile(t.Context(), filepath.Join(t.TempDir(), "canary", "f"), transfer.Download{URL: url, Limit: 1})
	require.ErrorIs(t, err, transfer.ErrTarget)
	require.NotContains(t, err.Error(), "canary")
}

func TestConfig(t *testing.T) {
	url, _ := serve(t, transfer.Config{}, func(http.ResponseWriter, *http.Request) {})
	_ = url
	for _, scheme := range []string{"http", "socks5", "socks5h"} {
		_, err := transfer.New(transfer.Config{Proxy: proxyURL(scheme, "127.0.0.1:1")})
		require.Equal(t, scheme != "socks5h", errors.Is(err, transfer.ErrConfig))
	}
	// The environment is not asked, and an app's own transport is used.
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	var used bool
	client := newClient(t, transfer.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		used = true
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("abc")), ContentLength: -1, Request: r}, nil
	})})
	_, err := client.Get(t.Context(), transfer.Download{URL: "https://host.example/", Limit: 3}, io.Discard)
	require.NoError(t, err)
	require.True(t, used)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWeakTLSIsRefused(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	s.StartTLS()
	t.Cleanup(s.Close)
	client := newClient(t, transfer.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	_, err := client.Get(t.Context(), transfer.Download{URL: s.URL, Limit: 1}, io.Discard)
	require.ErrorIs(t, err, transfer.ErrConnection)
}

// An upload that is cut off is sent again from the start, to another slot.
func TestPutAgain(t *testing.T) {
	content := random(5 << 20)
	var got []byte
	url, client := serve(t, transfer.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file" {
			_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
			panic(http.ErrAbortHandler)
		}
		got, _ = io.ReadAll(r.Body)
	})
	body := bytes.NewReader(content)
	err := client.Put(t.Context(), transfer.Upload{URL: url, Body: body, Size: int64(len(content))})
	require.ErrorIs(t, err, transfer.ErrConnection)
	require.True(t, transfer.Temporary(err))
	_, err = body.Seek(0, io.SeekStart)
	require.NoError(t, err)
	require.NoError(t, client.Put(t.Context(), transfer.Upload{URL: url + "2", Body: body, Size: int64(len(content))}))
	require.True(t, bytes.Equal(content, got))
}
