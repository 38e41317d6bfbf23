// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	errCopyleft = errors.New("a licence of the GNU family")
	errUnknown  = errors.New("a licence that is not known")
)

// known are the licences that may be linked, by phrases of their texts that
// all have to be there. Names are SPDX identifiers where there is one.
var known = []struct {
	name    string
	phrases []string
}{
	{"MIT", []string{"permission is hereby granted free of charge to any person obtaining a copy", "the software is provided as is"}},
	{"BSD-3-Clause", []string{
		"redistribution and use in source and binary forms with or without modification are permitted",
		"redistributions in binary form must reproduce", "endorse or promote products derived from",
	}},
	{"BSD-2-Clause", []string{
		"redistribution and use in source and binary forms with or without modification are permitted",
		"redistributions in binary form must reproduce",
	}},
	{"ISC", []string{"permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted"}},
	{"Apache-2.0", []string{"apache license version 2 0", "grant of patent license"}},
	{"MPL-2.0", []string{"mozilla public license version 2 0", "covered software"}},
	{"Zlib", []string{"this software is provided as is without any express or implied warranty", "altered source versions must be plainly marked"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
	{"blessing", []string{"the author disclaims copyright to this source code", "may you do good and not evil"}},
	{"CC0-1.0", []string{"cc0 1 0 universal", "waiver"}},
}

// copyleft are phrases of the GNU licences and of grants under them. The MPL
// names these licences, but has none of the phrases.
var copyleft = []string{
	"gnu general public license version 2 june 1991", "gnu general public license version 3 29 june 2007",
	"gnu affero general public license version 3 19 november 2007", "gnu library general public license version 2 june 1991",
	"gnu lesser general public license version 2 1 february 1999", "gnu lesser general public license version 3 29 june 2007",
	"under the terms of the gnu", "under the gnu general public license", "under the gnu affero", "under the gnu lesser",
	"spdx license identifier gpl", "spdx license identifier agpl", "spdx license identifier lgpl",
}

// rule separates the licences in a file. One right below a line of text
// underlines it instead.
var rule = regexp.MustCompile(`(?m)(\A|^[ \t]*\r?\n)[ \t]*[-=_]{20,}[ \t]*\r?$`)

var noise = regexp.MustCompile(`[^a-z0-9]+`)

// plain is a text without what differs between copies: case, white space,
// punctuation, marks of comments.
func plain(text string) string {
	return strings.TrimSpace(noise.ReplaceAllString(strings.ToLower(text), " "))
}

// heading is how many words a section may have and be no licence.
const heading = 25

// recognise returns the licences in a file, and an error if one of its sections
// is none that may be linked.
func recognise(text string) (licences []string, err error) {
	for _, section := range rule.Split(text, -1) {
		words := plain(section)
		if isCopyleft(words) {
			return licences, errCopyleft
		}
		name := licenceOf(words)
		switch {
		case name != "":
			licences = append(licences, name)
		case len(strings.Fields(words)) > heading:
			return licences, fmt.Errorf("%w: %.60q", errUnknown, strings.TrimSpace(section))
		}
	}
	if len(licences) == 0 {
		return nil, errUnknown
	}
	return licences, nil
}

func isCopyleft(words string) bool {
	for _, phrase := range copyleft {
		if strings.Contains(words, phrase) {
			return true
		}
	}
	return false
}

func licenceOf(words string) string {
candidates:
	for _, l := range known {
		for _, phrase := range l.phrases {
			if !strings.Contains(words, phrase) {
				continue candidates
			}
		}
		return l.name
	}
	return ""
}
