// A verdict for each signature, from Go:
//
//	bindings/c/install --prefix "$HOME/.local"
//	export PKG_CONFIG_PATH="$HOME/.local/lib/pkgconfig" LD_LIBRARY_PATH="$HOME/.local/lib"
//	go run examples/go/verify.go
package main

// #cgo pkg-config: verilane
// #include "verilane.h"
import "C"

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"runtime"
)

// batch holds the signatures to verify in packed columns.
type batch struct {
	keys, signatures, messages []byte
	offsets                    []C.uint64_t
}

func (b *batch) push(key ed25519.PublicKey, signature, message []byte) {
	b.keys = append(b.keys, key...)
	b.signatures = append(b.signatures, signature...)
	b.messages = append(b.messages, message...)
	b.offsets = append(b.offsets, C.uint64_t(len(b.messages)))
}

// call keeps work on one thread, because each thread has its own last error.
func call(work func() C.verilane_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if work() != C.VERILANE_STATUS_OK {
		return errors.New(C.GoString(C.verilane_last_error()))
	}
	return nil
}

// verify returns a verdict for each signature, of which there must be at least one, and
// where the call ran.
func verify(engine C.verilane_engine, rule C.uint32_t, b *batch) ([]C.uint8_t, C.verilane_report, error) {
	n := len(b.offsets) - 1
	verdicts := make([]C.uint8_t, n)
	var report C.verilane_report
	err := call(func() C.verilane_status {
		return C.verilane_verify(engine, rule,
			(*C.uint8_t)(&b.keys[0]), (*C.uint8_t)(&b.signatures[0]),
			(*C.uint8_t)(&b.messages[0]), C.size_t(len(b.messages)), &b.offsets[0],
			C.size_t(n), &verdicts[0], &report)
	})
	return verdicts, report, err
}

func main() {
	var engine C.verilane_engine
	if err := call(func() C.verilane_status { return C.verilane_engine_new(nil, &engine) }); err != nil {
		log.Fatal(err)
	}
	defer C.verilane_engine_free(engine)

	votes := batch{offsets: []C.uint64_t{0}}
	for i := 0; i < 1000; i++ {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = byte(i)
		key := ed25519.NewKeyFromSeed(seed)
		vote := fmt.Sprintf("vote %d", i)
		signature := ed25519.Sign(key, []byte(vote))
		// Signature 500 is over another message.
		if i == 500 {
			vote = "another vote"
		}
		votes.push(key.Public().(ed25519.PublicKey), signature, []byte(vote))
	}

	verdicts, report, err := verify(engine, C.VERILANE_RULE_ZIP215, &votes)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("served by back end %d, after %d that faulted\n", report.backend, report.passed_over)
	for i, valid := range verdicts {
		if valid == 0 {
			fmt.Printf("signature %d is not valid\n", i)
		}
	}

	votes.offsets[7] = 0
	_, _, err = verify(engine, C.VERILANE_RULE_ZIP215, &votes)
	fmt.Println("refused:", err)
}
