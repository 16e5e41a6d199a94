package golden

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Schema holds what a program printed to a JSON Schema, as far as package
// report's schemas go: types, properties, required, items, const. A field that
// the schema does not know is an error too, though readers must pass over it.
func Schema(t testing.TB, schema, printed []byte) {
	t.Helper()
	var s map[string]any
	var value any
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Errorf("the schema: %v", err)
	} else if err := json.Unmarshal(printed, &value); err != nil {
		t.Errorf("what was printed: %v", err)
	} else if err := fits(s, value, "$"); err != nil {
		t.Errorf("%v: not as its schema says: %v", s["title"], err)
	}
}

func fits(schema map[string]any, value any, at string) error {
	if want, ok := schema["const"]; ok && value != want {
		return fmt.Errorf("%s is %v, not %v", at, value, want)
	}
	if !allowed(schema["type"], value) {
		return fmt.Errorf("%s is %T, not %v", at, value, schema["type"])
	}
	switch v := value.(type) {
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, item := range v {
			if err := fits(items, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, has := v[name.(string)]; !has {
				return fmt.Errorf("%s has no %v", at, name)
			}
		}
		properties, closed := schema["properties"].(map[string]any)
		others, _ := schema["additionalProperties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			of, known := properties[name].(map[string]any)
			if !known {
				if of = others; closed {
					return fmt.Errorf("%s.%s is not in it", at, name)
				}
			}
			if err := fits(of, v[name], at+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowed says whether a value is of a type, or of one of several; nil is any.
func allowed(types, value any) bool {
	switch want := types.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(want, func(one any) bool { return allowed(one, value) })
	case string:
		var is []string
		switch v := value.(type) {
		case nil:
			is = []string{"null"}
		case bool:
			is = []string{"boolean"}
		case string:
			is = []string{"string"}
		case float64:
			if is = []string{"number"}; v == float64(int64(v)) || v >= 1<<63 {
				is = append(is, "integer")
			}
		case []any:
			is = []string{"array"}
		case map[string]any:
			is = []string{"object"}
		}
		return slices.Contains(is, want)
	}
	return false
}

// SchemaFile is the name of a schema's file in docs/schema.
func SchemaFile(schema string) string {
	return strings.ReplaceAll(strings.TrimPrefix(schema, "minsize."), "/", "-") + ".json"
}
