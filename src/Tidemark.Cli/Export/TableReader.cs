using System.Collections;
using System.Collections.ObjectModel;
using System.Data.Common;

namespace Tidemark.Cli.Export;

/// <summary>The forward-only view of rows that the CSV writer takes; a subclass moves on and answers typed cells.</summary>
internal abstract class TableReader(IReadOnlyList<(string Name, Type Type)> columns) : DbDataReader, IDbColumnSchemaGenerator
{
    public override int FieldCount => columns.Count;

    public override bool HasRows => true;

    public override bool IsClosed => false;

    public override int Depth => 0;

    public override int RecordsAffected => -1;

    public override object this[int ordinal] => GetValue(ordinal);

    public override object this[string name] => GetValue(GetOrdinal(name));

    public ReadOnlyCollection<DbColumn> GetColumnSchema()
        => columns.Select((column, i) => (DbColumn)new Column(i, column.Name, column.Type)).ToList().AsReadOnly();

    public override string GetName(int ordinal) => columns[ordinal].Name;

    public override Type GetFieldType(int ordinal) => columns[ordinal].Type;

    public override string GetDataTypeName(int ordinal) => columns[ordinal].Type.Name;

    public override int GetOrdinal(string name) => columns.Select(c => c.Name).ToList().IndexOf(name);

    public override object GetValue(int ordinal) => columns[ordinal].Type switch
    {
        var type when type == typeof(double) => GetDouble(ordinal),
        var type when type == typeof(long) => GetInt64(ordinal),
        _ => GetString(ordinal),
    };

    public override int GetValues(object[] values)
    {
        var count = Math.Min(values.Length, FieldCount);
        for (var i = 0; i < count; i++)
        {
            values[i] = GetValue(i);
        }

        return count;
    }

    public override bool IsDBNull(int ordinal) => false;

    public override bool NextResult() => false;

    public override IEnumerator GetEnumerator() => new DbEnumerator(this);

    public override double GetDouble(int ordinal) => throw new NotSupportedException();

    public override long GetInt64(int ordinal) => throw new NotSupportedException();

    public override bool GetBoolean(int ordinal) => throw new NotSupportedException();

    public override byte GetByte(int ordinal) => throw new NotSupportedException();

    public override long GetBytes(int ordinal, long dataOffset, byte[]? buffer, int bufferOffset, int length)
        => throw new NotSupportedException();

    public override char GetChar(int ordinal) => throw new NotSupportedException();

    public override long GetChars(int ordinal, long dataOffset, char[]? buffer, int bufferOffset, int length)
        => throw new NotSupportedException();

    public override DateTime GetDateTime(int ordinal) => throw new NotSupportedException();

    public override decimal GetDecimal(int ordinal) => throw new NotSupportedException();

    public override float GetFloat(int ordinal) => throw new NotSupportedException();

    public override Guid GetGuid(int ordinal) => throw new NotSupportedException();

    public override short GetInt16(int ordinal) => throw new NotSupportedException();

    public override int GetInt32(int ordinal) => throw new NotSupportedException();

    private sealed class Column : DbColumn
    {
        public Column(int ordinal, string name, Type type)
        {
            (ColumnOrdinal, ColumnName, DataType, DataTypeName) = (ordinal, name, type, type.Name);
            AllowDBNull = type == typeof(double);
        }
    }
}
