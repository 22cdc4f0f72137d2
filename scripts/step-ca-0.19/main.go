// SPDX-License-Identifier: Apache-2.0

// A step-ca for tests, of Debian's package of its library: step-ca CA.JSON [--password-file FILE]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"unicode"

	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/ca"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: step-ca CA.JSON [--password-file FILE]")
	}
	if os.Args[1] == "version" {
		fmt.Println("Smallstep CA/0.19.0 (Debian's library)")
		return
	}
	flags := flag.NewFlagSet("step-ca", flag.ExitOnError)
	passwordFile := flags.String("password-file", "", "password of the intermediate's key")
	check(flags.Parse(os.Args[2:]))

	cfg, err := config.LoadConfiguration(os.Args[1])
	check(err)
	var password []byte
	if *passwordFile != "" {
		password, err = os.ReadFile(*passwordFile)
		check(err)
		password = bytes.TrimRightFunc(password, unicode.IsSpace)
	}
	server, err := ca.New(cfg, ca.WithConfigFile(os.Args[1]), ca.WithPassword(password))
	check(err)
	go ca.StopReloaderHandler(server) // as the real one: SIGHUP reloads, SIGTERM stops
	if err := server.Run(); err != nil && err.Error() != "http: Server closed" {
		log.Fatal(err)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
