// Command installed is a program in a project that has installed the module.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	groundwork "groundwork.example/client-go"
)

func main() {
	if err := run(context.Background(), groundwork.Service{URL: os.Getenv("GROUNDWORK_URL")}); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, service groundwork.Service) error {
	api, err := service.API()
	if err != nil {
		return err
	}
	health, err := api.Health.Live(ctx)
	if err != nil {
		return err
	}
	fmt.Println(health.Status)
	session, err := service.LogIn(ctx, "ada@example.com", "correct horse battery staple")
	if err != nil {
		return err
	}
	me, err := session.API().Users.Me(ctx)
	if err != nil {
		return err
	}
	fmt.Println(me.Email)
	return nil
}
