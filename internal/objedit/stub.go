package objedit

import (
	"fmt"

	"github.com/minsize/minsize/internal/machine"
)

// maxReport bounds the name in a report's message: aarch64's mov has 16 bits.
const maxReport = 1024

// Code is the machine code of a stub for the function with index i in
// Functions. name is what a Report stub says it was.
func (o *Object) Code(i int, kind machine.Stub, name string) ([]byte, error) {
	code := o.code(&o.functions[i])
	if _, anywhere := code.Stubs[kind]; !anywhere && !o.linux {
		return nil, fmt.Errorf("no stub %q for %s outside Linux", kind, o.machine.Title)
	}
	return stubCode(o.machine, code, kind, name)
}

// code is what can be put in the function's place: the instructions of Arm's
// processors are one set or the other, function by function.
func (o *Object) code(f *Function) *machine.Code {
	if f.thumb && o.machine.Thumb != nil {
		return o.machine.Thumb
	}
	return o.machine.Code
}

// StubCode is Object.Code for objects of Linux that are made anew.
func StubCode(m *machine.Machine, kind machine.Stub, name string) ([]byte, error) {
	if m.Code == nil {
		return nil, fmt.Errorf("no stubs for the machine %s", m.Title)
	}
	return stubCode(m, m.Code, kind, name)
}

func stubCode(m *machine.Machine, c *machine.Code, kind machine.Stub, name string) ([]byte, error) {
	if kind == machine.Report {
		return c.Report([]byte("minsize: cut function " + name[:min(len(name), maxReport)] + " was reached\n")), nil
	}
	code, ok := c.Stubs[kind]
	if !ok {
		code, ok = c.Linux[kind]
	}
	if !ok {
		return nil, fmt.Errorf("no stub %q for %s", kind, m.Title)
	}
	return code, nil
}

// Machine is the machine that the object's code is for.
func (o *Object) Machine() *machine.Machine { return o.machine }

// MachineOf is Machine of an object by its first bytes, or 64 of them; nil for
// what is no object and for a machine without stubs.
func MachineOf(head []byte) *machine.Machine {
	f := formatOf(head)
	if f == nil {
		return nil
	}
	if may, m := f.object(head); may && m != nil && m.Code != nil {
		return m
	}
	return nil
}
