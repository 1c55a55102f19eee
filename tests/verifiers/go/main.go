// Command verifiers verifies tokens with golang-jwt: it prints the subject of each line of its input,
// or `refused`.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

type keySet struct {
	Keys []struct{ Kid, Kty, Crv, Alg, X, Y string }
}

// find returns the key that a token names, as the library wants it.
func (set keySet) find(token *jwt.Token) (any, error) {
	for _, key := range set.Keys {
		if key.Kid != token.Header["kid"] || key.Alg != token.Method.Alg() {
			continue
		}
		x, err := base64.RawURLEncoding.DecodeString(key.X)
		if err != nil || key.Kty == "OKP" {
			return ed25519.PublicKey(x), err
		}
		y, err := base64.RawURLEncoding.DecodeString(key.Y)
		return &ecdsa.PublicKey{
			Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y),
		}, err
	}
	return nil, errors.New("no such key")
}

func main() {
	url, algorithm, issuer, audience := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	response, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	var set keySet
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		log.Fatal(err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuer(issuer),
		jwt.WithAudience(audience), jwt.WithExpirationRequired())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		claims := jwt.MapClaims{}
		if _, err := parser.ParseWithClaims(lines.Text(), claims, set.find); err != nil || claims["type"] != "access" {
			fmt.Println("refused")
		} else {
			fmt.Println(claims["sub"])
		}
	}
}
