package toml

import (
	"bytes"
	"errors"
	"fmt"

	gotoml "github.com/pelletier/go-toml/v2"
)

// Decode reads a whole TOML document into maps, slices and scalars. The error
// names line and column, never the file: the caller knows that.
func Decode(data []byte) (map[string]any, error) {
	values := map[string]any{}
	if err := gotoml.Unmarshal(data, &values); err != nil {
		return nil, position(err)
	}
	return values, nil
}

// DecodeInto reads a document into a struct with `toml:"..."` tags. Keys that
// the struct does not know are an error, for a misspelt key must not be
// silently without effect.
func DecodeInto(data []byte, into any) error {
	decoder := gotoml.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	var strict *gotoml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		row, column := first.Position()
		return fmt.Errorf("line %d, column %d: unknown key %q", row, column, joinKey(first.Key()))
	}
	return position(err)
}

// Encode writes a struct or map as TOML.
func Encode(value any) ([]byte, error) { return gotoml.Marshal(value) }

func position(err error) error {
	var decode *gotoml.DecodeError
	if errors.As(err, &decode) {
		row, column := decode.Position()
		return fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return err
}

func joinKey(key []string) string {
	text := ""
	for i, part := range key {
		if i > 0 {
			text += "."
		}
		text += part
	}
	return text
}
