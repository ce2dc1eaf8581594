// The same on Nest.
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

@Controller()
class Hello {
  @Get()
  hello(): string {
    return `Hello from Nest in process ${process.pid}\n`;
  }
}

@Module({ controllers: [Hello] })
class Application {}

const app = await NestFactory.create(Application, { logger: false });
await app.listen(Number(process.env.PORT ?? 3000));
