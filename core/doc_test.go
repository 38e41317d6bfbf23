// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A newcomer is sent nowhere that does not exist.
func TestDocumentsSpeakOfWhatIsThere(t *testing.T) {
	file := regexp.MustCompile(`(?m)\b(core|network|storage|crypto|examples|internal)(/[a-z0-9_-]+)+(\.go)?\b`)
	named := 0
	for _, document := range []string{"core/doc.go", "CONTRIBUTING.md", "README.md"} {
		text, err := os.ReadFile(filepath.Join("..", document))
		require.NoError(t, err)
		for top := range mayImport {
			if _, err := os.Stat(filepath.Join("..", top)); err != nil {
				require.NotRegexp(t, `(^|[^\w-])`+top+`([^\w-]|$)`, string(text), document)
			}
		}
		for _, name := range file.FindAllString(string(text), -1) {
			_, err := os.Stat(filepath.Join("..", name))
			require.NoError(t, err, "named in %s", document)
			named++
		}
	}
	require.Greater(t, named, 20)
}

// What is documented of a public type is documented here: an alias of one
// below internal/ shows no field and no method.
func TestPublicTypesAreNoAliases(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	types := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				spec := s.(*ast.TypeSpec)
				if !spec.Name.IsExported() {
					continue
				}
				types++
				_, foreign := spec.Type.(*ast.SelectorExpr)
				require.False(t, foreign && spec.Assign.IsValid(), "%s is an alias", spec.Name)
			}
		}
	}
	require.Greater(t, types, 15)
}
