package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// schemaOf derives the JSON Schema (2020-12) of a Document's JSON from the
// type of its Data. The derived text is committed under docs/schema and a test
// compares: so a field that is renamed or dropped is seen as a change of the
// contract. Fields may be added; readers must pass over what they do not know.
func schemaOf(schema string, data any) []byte {
	root := typeSchema(reflect.TypeOf(data), map[reflect.Type]bool{})
	properties := root.get("properties").(*ordered)
	head := &ordered{}
	head.set("schema", (&ordered{}).set("const", schema))
	properties.pairs = append(head.pairs, properties.pairs...)
	required, _ := root.get("required").([]string)
	root.set("required", append([]string{"schema"}, required...))
	top := (&ordered{}).set("$schema", "https://json-schema.org/draft/2020-12/schema").set("title", schema)
	top.pairs = append(top.pairs, root.pairs...)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(top); err != nil {
		panic(err) // plain data: cannot fail
	}
	return out.Bytes()
}

// typeSchema describes one type by encoding/json's rules.
func typeSchema(t reflect.Type, open map[reflect.Type]bool) *ordered {
	switch t.Kind() {
	case reflect.Pointer:
		return typeSchema(t.Elem(), open)
	case reflect.Bool:
		return (&ordered{}).set("type", "boolean")
	case reflect.String:
		return (&ordered{}).set("type", "string")
	case reflect.Float32, reflect.Float64:
		return (&ordered{}).set("type", "number")
	case reflect.Slice, reflect.Array:
		return (&ordered{}).set("type", []string{"array", "null"}).set("items", typeSchema(t.Elem(), open))
	case reflect.Map:
		return (&ordered{}).set("type", []string{"object", "null"}).set("additionalProperties", typeSchema(t.Elem(), open))
	case reflect.Struct:
	case reflect.Interface:
		return &ordered{}
	default:
		return (&ordered{}).set("type", "integer")
	}
	s := (&ordered{}).set("type", "object")
	if open[t] { // a tree: described once
		return s
	}
	open[t] = true
	defer delete(open, t)
	properties, required := &ordered{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue // fields of embedded structs are listed by themselves
		}
		if name == "" {
			name = f.Name
		}
		properties.set(name, typeSchema(f.Type, open))
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			required = append(required, name)
		}
	}
	return s.set("properties", properties).set("required", required)
}

// ordered is a JSON object whose keys keep their order.
type ordered struct{ pairs []orderedPair }

type orderedPair struct {
	key   string
	value any
}

func (o *ordered) set(key string, value any) *ordered {
	for i := range o.pairs {
		if o.pairs[i].key == key {
			o.pairs[i].value = value
			return o
		}
	}
	o.pairs = append(o.pairs, orderedPair{key, value})
	return o
}

func (o *ordered) get(key string) any {
	for _, p := range o.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (o *ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o.pairs {
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(p.key)
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
