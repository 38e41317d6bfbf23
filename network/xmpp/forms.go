// SPDX-License-Identifier: MPL-2.0

// XEP-0004: Data Forms

package xmpp

import (
	"mellium.im/xmpp/form"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A Form is a data form. form.Data of mellium is not used: it refuses forms
// with a <reported/> or any extension, hides their type, and panics when a
// value is set in a form it has not decoded.
type Form struct {
	Type         string // form, submit, cancel or result
	Title        string
	Instructions string
	Fields       []Field
}

// A Field is one field of a form, XEP-0004 §3.2.
type Field struct {
	Var      string
	Type     string // of §3.3, such as text-single; may be empty
	Label    string
	Required bool
	Values   []string
	Options  []FieldOption
	// Element is the field as received, for media (XEP-0221) and the like.
	Element *element.Element
}

// A FieldOption is one choice of a list.
type FieldOption struct{ Label, Value string }

const formType = "FORM_TYPE"

// ParseForm reads the first form in e, nil when there is none.
func ParseForm(e *element.Element) *Form {
	for f := range forms(e) {
		return &f
	}
	return nil
}

func forms(e *element.Element) func(func(Form) bool) {
	return func(yield func(Form) bool) {
		for x := range e.All(form.NS, "x") {
			if !yield(parseForm(x)) {
				return
			}
		}
	}
}

func parseForm(x *element.Element) Form {
	f := Form{Type: x.AttrValue("type"), Title: x.ChildText(form.NS, "title")}
	for i := range x.All(form.NS, "instructions") {
		if f.Instructions != "" {
			f.Instructions += "\n"
		}
		f.Instructions += i.Text
	}
	for y := range x.All(form.NS, "field") {
		field := Field{
			Var: y.AttrValue("var"), Type: y.AttrValue("type"), Label: y.AttrValue("label"),
			Required: y.Child(form.NS, "required") != nil, Element: y,
		}
		for v := range y.All(form.NS, "value") {
			field.Values = append(field.Values, v.Text)
		}
		for o := range y.All(form.NS, "option") {
			field.Options = append(field.Options, FieldOption{Label: o.AttrValue("label"), Value: o.ChildText(form.NS, "value")})
		}
		f.Fields = append(f.Fields, field)
	}
	return f
}

// Field returns the field of that name, nil when there is none.
func (f *Form) Field(name string) *Field {
	if f == nil {
		return nil
	}
	for i := range f.Fields {
		if f.Fields[i].Var == name {
			return &f.Fields[i]
		}
	}
	return nil
}

// Value returns the first value of a field, or "".
func (f *Form) Value(name string) string {
	if field := f.Field(name); field != nil && len(field.Values) > 0 {
		return field.Values[0]
	}
	return ""
}

// Element builds the form: names, types and values of the fields.
func (f Form) Element() *element.Element {
	x := element.New(form.NS, "x").With("type", f.Type)
	for _, field := range f.Fields {
		y := element.New(form.NS, "field").WithOptional("var", field.Var).WithOptional("type", field.Type)
		for _, v := range field.Values {
			y.Add(element.New(form.NS, "value").WithText(v))
		}
		x.Add(y)
	}
	return x
}

// hiddenType is the field that says what a form is for, XEP-0068.
func hiddenType(value string) Field {
	return Field{Var: formType, Type: "hidden", Values: []string{value}}
}
