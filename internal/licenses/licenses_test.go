// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// The default graph links nothing unfit, and what is in the C code of the
// database is listed too.
func TestDefaultGraph(t *testing.T) {
	out := filepath.Join(t.TempDir(), "build", "NOTICE")
	var table bytes.Buffer
	require.NoError(t, run(root, nil, out, &table))
	rows := make(map[string]string)
	for line := range strings.Lines(table.String()) {
		fields := strings.Fields(line)
		rows[fields[0]] = line
	}
	require.Greater(t, len(rows), 8)
	for module, licences := range map[string]string{
		own: "MPL-2.0", "std": "BSD-3-Clause", "mellium.im/xmpp": "BSD-2-Clause", "golang.org/x/crypto": "BSD-3-Clause",
		// go-sqlite3, SQLCipher, LibTomCrypt and SQLite.
		"github.com/mutecomm/go-sqlcipher/v4": "BSD-3-Clause, MIT, Unlicense, blessing",
	} {
		require.Contains(t, rows[module], licences, module)
	}
	require.NotContains(t, rows, "go.mau.fi/libsignal")
	require.True(t, strings.HasPrefix(table.String(), own), "our own licence comes first")
	notice, err := os.ReadFile(out)
	require.NoError(t, err)
	for _, text := range []string{table.String(), "ZETETIC LLC", "May you do good and not evil", "The LibTom license", "Mozilla Public License"} {
		require.Contains(t, string(notice), text)
	}
}

func TestUnfitGraph(t *testing.T) {
	out := filepath.Join(t.TempDir(), "NOTICE")
	var table bytes.Buffer
	err := run(root, []string{"./crypto/libsignal"}, out, &table)
	require.ErrorIs(t, err, errCopyleft)
	require.ErrorContains(t, err, "go.mau.fi/libsignal")
	require.NotContains(t, err.Error(), "protobuf")
	require.NoFileExists(t, out)
}

const (
	mit  = "Permission is hereby granted, free of charge, to any person obtaining\na copy … THE SOFTWARE IS PROVIDED \"AS IS\"."
	long = "You may run this program on every second Tuesday if you sing the song of its author aloud and clear, and you may pass it on " +
		"to anybody who has sung it before you to the satisfaction of three witnesses."
	line = "\n\n--------------------------------\n"
)

func TestRecognise(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
		err        error
	}{
		{"mit", mit, []string{"MIT"}, nil},
		{"comment", "// " + strings.ReplaceAll(mit, "\n", "\n// "), []string{"MIT"}, nil},
		{"two", mit + line + "Part two:" + line + "This is free and unencumbered software released into the public domain.", []string{"MIT", "Unlicense"}, nil},
		{"bsd 2", "Redistribution and use in source and binary forms, with or without modification, are permitted … Redistributions in binary form must reproduce",
			[]string{"BSD-2-Clause"}, nil},
		{"isc", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted", []string{"ISC"}, nil},
		{"mpl", "Mozilla Public License, version 2.0 … \"Covered Software\" … means the GNU Lesser General Public License, Version 2.1",
			[]string{"MPL-2.0"}, nil},
		{"underlined", "The License Which I Give\n========================\n" + mit, []string{"MIT"}, nil},
		{"nothing", "", nil, errUnknown},
		{"a name", "Copyright 2020 Somebody", nil, errUnknown},
		{"own invention", long, nil, errUnknown},
		{"half known", mit + line + long, []string{"MIT"}, errUnknown},
		{"gpl", "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007", nil, errCopyleft},
		{"agpl", "GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007", nil, errCopyleft},
		{"lgpl", "GNU LESSER GENERAL PUBLIC LICENSE\nVersion 2.1, February 1999", nil, errCopyleft},
		{"grant", "You can redistribute it under the terms of the GNU General Public License", nil, errCopyleft},
		{"both", mit + line + "under the terms of the GNU Lesser General Public License", []string{"MIT"}, errCopyleft},
	} {
		got, err := recognise(test.text)
		require.ErrorIs(t, err, test.err, test.name)
		require.Equal(t, test.want, got, test.name)
	}
}

// Folders of linked packages and source files are looked at too.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	look := func(sources ...string) (*module, error) {
		m := &module{path: "example.test/m", dir: dir, sources: map[string]bool{dir: true}, compiled: map[string]bool{}}
		for _, s := range sources {
			m.sources[filepath.Dir(s)], m.compiled[s] = true, true
		}
		return m, m.inspect()
	}
	_, err := look()
	require.ErrorContains(t, err, "no licence")

	write("LICENSE.md", mit)
	good := write("good.go", "// SPDX-License-Identifier: MIT\npackage m\n")
	m, err := look(good)
	require.NoError(t, err)
	require.Equal(t, []string{"MIT"}, m.licences)

	bad := write("bad.c", "/* SPDX-License-Identifier: GPL-2.0-only */\n")
	_, err = look(good, bad)
	require.ErrorIs(t, err, errCopyleft)
	require.ErrorContains(t, err, "bad.c")

	write("third/party/COPYING", long)
	nested := write("third/party/code/x.go", "package code\n")
	_, err = look(good)
	require.NoError(t, err, "not linked")
	_, err = look(good, nested)
	require.ErrorIs(t, err, errUnknown)
	require.ErrorContains(t, err, "third/party/COPYING")
}
