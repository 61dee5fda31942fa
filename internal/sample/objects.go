package sample

import (
	"errors"
	"fmt"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// spec is one operation of one kind of object: a read, or an effect.
type spec struct {
	object, name string
	readOnly     bool
	blind        bool                                   // an effect whose answer is known before it happens
	check        func(history.Op) error                 // of its value, before anything is sent
	read         func(*state, history.Op) result        // of what is here
	effect       func(*state, command) result           // at its place in the log
	inner        bool                                   // a part of another operation, which no client asks for by itself
	client       func(*Store, *replica, *Request)       // what its client does, when that is more than one request
	begin        func(history.Op) (*transaction, error) // instead of all these: it is a transaction
}

// specs lists all operations.
func specs() []spec {
	var all []spec
	for _, o := range [][]spec{registerSpecs(), setSpecs(), counterSpecs(), idsSpecs(), bankSpecs(), lockSpecs(), queueSpecs(), stackSpecs(), logSpecs(), txnSpecs()} {
		all = append(all, o...)
	}
	return all
}

var specTable = func() map[[2]string]spec {
	m := map[[2]string]spec{}
	for _, s := range specs() {
		if s.check == nil {
			s.check = func(history.Op) error { return nil }
		}
		m[[2]string{s.object, s.name}] = s
	}
	return m
}()

func specOf(object, f string) (spec, error) {
	s, ok := specTable[[2]string{object, f}]
	if !ok {
		return spec{}, fmt.Errorf("the sample has no operation %s of a %s", f, object)
	}
	return s, nil
}

// Ops lists what a driver of the sample can do.
func Ops() []clients.OpSpec {
	var out []clients.OpSpec
	for _, s := range specs() {
		if s.inner {
			continue
		}
		out = append(out, clients.OpSpec{Object: s.object, Name: s.name, ReadOnly: s.readOnly})
	}
	return out
}

// perform carries out a command.
func perform(st *state, c command) result {
	s, err := specOf(c.Object, c.F)
	if err != nil || s.effect == nil {
		return result{err: clients.NotDone(fmt.Errorf("no effect %s of a %s", c.F, c.Object))}
	}
	return s.effect(st, c)
}

// refused is the answer of an object that may say no.
func refused(code, why string) result {
	return result{err: clients.NotDone(clients.Coded(code, errors.New(why)))}
}

// number refuses a value that is no whole number.
func number(op history.Op) error {
	if _, ok := op.Value.Int(); !ok {
		return fmt.Errorf("%s %s: expected a whole number", op.F, op.Value.JSON())
	}
	return nil
}
