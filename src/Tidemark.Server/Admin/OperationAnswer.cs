using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Admin;

/// <summary>Answers a long operation with lines of NDJSON: its progress as it goes, then its result or error.</summary>
internal static class OperationAnswer
{
    private static readonly JsonSerializerOptions LineOptions = new(WireJson.Options)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
    };

    public static async Task WriteAsync<T>(HttpContext context, Func<IProgress<StoreProgress>, CancellationToken, Task<T>> operation)
        where T : class
    {
        var cancellationToken = context.RequestAborted;
        // Who reads slowly misses steps, and the operation never waits for it.
        var steps = Channel.CreateBounded<StoreProgress>(new BoundedChannelOptions(16) { FullMode = BoundedChannelFullMode.DropOldest });
        var running = RunAsync(operation, steps.Writer, cancellationToken);
        await using var answer = new AnswerWriter(context.Response, Ndjson.ContentType);
        await foreach (var step in steps.Reader.ReadAllAsync(cancellationToken))
        {
            WriteLine(answer, new OperationLine<T>(Progress: step));
            await answer.FlushAsync(cancellationToken);
            await context.Response.Body.FlushAsync(cancellationToken);
        }

        try
        {
            WriteLine(answer, new OperationLine<T>(Result: await running));
        }
        catch (StoreException e) when (context.Response.HasStarted)
        {
            WriteLine(answer, new OperationLine<T>(Error: new OperationError(e.Kind, e.Message)));
        }

        await answer.CompleteAsync(cancellationToken);
    }

    private static async Task<T> RunAsync<T>(
        Func<IProgress<StoreProgress>, CancellationToken, Task<T>> operation, ChannelWriter<StoreProgress> steps,
        CancellationToken cancellationToken)
    {
        try
        {
            return await operation(new StepWriter(steps), cancellationToken);
        }
        finally
        {
            steps.Complete();
        }
    }

    private static void WriteLine<T>(AnswerWriter answer, OperationLine<T> line)
    {
        JsonSerializer.Serialize(answer.Json, line, LineOptions);
        answer.EndLine();
    }

    private sealed class StepWriter(ChannelWriter<StoreProgress> steps) : IProgress<StoreProgress>
    {
        public void Report(StoreProgress value) => steps.TryWrite(value);
    }
}
