// SPDX-License-Identifier: MPL-2.0

// Command licenses lists the licences of everything that an app links with the
// SDK: the packages under core, ui-bindings and mobile, with all they import,
// on every platform. Licences are recognised by their texts.
//
//	go run ./internal/licenses            the table
//	go run ./internal/licenses -o NOTICE  and a file with the texts, for an app's own notices
//
// It fails, naming the module, on a licence of the GNU family, on one that it
// does not know, and on none.
//
// It looks at the licence files of each module and of the folders of the
// packages that are linked, section by section, and at the beginnings of the
// source files that are compiled, C included. It reads only what is on the
// machine already and does not use the network.
package main
