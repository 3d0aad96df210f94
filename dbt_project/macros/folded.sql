{#
    The form in which two names are compared, as `fold` of ingestion/text.py: case, spaces, apostrophes and the place of a
    tone mark (hòa, hoà) aside. Accents are kept: they tell words apart.
#}
{% macro folded(text) -%}
    {%- set pairs = [] -%}
    {%- for vowels, moved in (
        ('òóỏõọ', 'a:àáảãạ'), ('òóỏõọ', 'e:èéẻẽẹ'), ('ùúủũụ', 'y:ỳýỷỹỵ')
    ) -%}
        {%- for marked in vowels -%}
            {%- do pairs.append((
                marked ~ moved[0], ('o' if vowels[0] == 'ò' else 'u') ~ moved[2 + loop.index0]
            )) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for _ in pairs %}replace({% endfor -%}
    trim(regexp_replace(lower(translate(normalize({{ text }}, nfc), '‘’ʼ`´ðɖÐƉ', '''''''''''đđđđ')), '\s+', ' ', 'g'))
    {%- for wrong, right in pairs %}, '{{ wrong }}', '{{ right }}'){% endfor -%}
{%- endmacro %}
