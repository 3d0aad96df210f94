{{ config(key=['period_code', 'standard_code', 'commune_code', 'counted_code']) }}

with summed as (
    select
        movement.period_code,
        movement.standard_code,
        movement.commune_code,
        measure.counted_code,
        {%- for form_code, columns in movement_columns().items() %}
            {%- for column in columns %}
                sum(measure.figure) filter (
                    where movement.form_code = '{{ form_code }}' and movement.column_code = '{{ column }}'
                ) as {{ form_code }}_{{ column }},
            {%- endfor %}
            sum(measure.figure) filter (
                where
                movement.form_code = '{{ form_code }}' and movement.column_code = 'start' and movement.is_on_last_list
            ) as {{ form_code }}_end_before,
        {%- endfor %}
        sum(measure.figure) filter (where movement.is_unexplained and movement.column_code = 'start')
            as unexplained_count
    from {{ ref('int_movement__household') }} as movement
    cross join
        lateral (
            values ('households', 1), ('persons', movement.person_count)
        ) as measure (counted_code, figure)
    group by movement.period_code, movement.standard_code, movement.commune_code, measure.counted_code
),

unknown_start as (
    select distinct
        period_code,
        standard_code,
        commune_code
    from {{ ref('int_household__reviewed') }}
    where previous_class_code is null
),

commune as (
    select
        period_code,
        review_year,
        standard_code,
        commune_code,
        district_code,
        province_code,
        is_known,
        has_held_row
    from {{ ref('int_household__by_commune') }}
    union all
    -- one whose only households moved away
    select distinct
        movement.period_code,
        movement.review_year,
        movement.standard_code,
        movement.commune_code,
        movement.district_code,
        movement.province_code,
        true,
        false
    from {{ ref('int_movement__household') }} as movement
    left join {{ ref('int_household__by_commune') }} as by_commune
        on
            movement.period_code = by_commune.period_code
            and movement.standard_code = by_commune.standard_code
            and movement.commune_code = by_commune.commune_code
    where by_commune.commune_code is null
),

two_level as (
    select extract(year from min(valid_from))::integer as begins_in_year
    from {{ ref('int_place__dated_unit') }}
    where system = 'two_level'
),

-- The communes of last year that each commune is made of: itself, but where the two-level system begins.
commune_before as (
    select
        commune.review_year,
        commune.standard_code,
        commune.commune_code,
        coalesce(successor.old_commune_code, commune.commune_code) as commune_code_before
    from commune
    cross join two_level
    left join {{ ref('admin_unit_successor') }} as successor
        on
            commune.commune_code = successor.new_commune_code
            and commune.review_year = two_level.begins_in_year
),

-- Last year's end is known where the list of each of them came.
known_before as (
    select
        commune_before.review_year,
        commune_before.standard_code,
        commune_before.commune_code
    from commune_before
    left join {{ ref('int_household__by_commune') }} as before
        on
            commune_before.commune_code_before = before.commune_code
            and commune_before.standard_code = before.standard_code
            and commune_before.review_year = before.review_year + 1
    group by commune_before.review_year, commune_before.standard_code, commune_before.commune_code
    having coalesce(bool_and(before.is_known), false) and count(before.commune_code) = count(*)
)

-- The end of the year is known from the list alone; all else only where the class at the start is known of every
-- household.
select
    commune.period_code,
    commune.review_year,
    commune.standard_code,
    commune.commune_code,
    commune.district_code,
    commune.province_code,
    measure.counted_code,
    commune.has_held_row,
    {%- for form_code, columns in movement_columns().items() %}
        {%- for column in columns %}
            case
                when commune.is_known{% if column != 'end' %} and unknown_start.commune_code is null{% endif %}
                    then coalesce(summed.{{ form_code }}_{{ column }}, 0)
            end as {{ form_code }}_{{ column }},
        {%- endfor %}
        case
            when commune.is_known and known_before.commune_code is not null
                then coalesce(summed.{{ form_code }}_end_before, 0)
        end as {{ form_code }}_end_before,
    {%- endfor %}
    case when commune.is_known then coalesce(summed.unexplained_count, 0) end as unexplained_count
from commune
cross join (values ('households'), ('persons')) as measure (counted_code)
left join summed
    on
        commune.period_code = summed.period_code
        and commune.standard_code = summed.standard_code
        and commune.commune_code = summed.commune_code
        and measure.counted_code = summed.counted_code
left join unknown_start
    on
        commune.period_code = unknown_start.period_code
        and commune.standard_code = unknown_start.standard_code
        and commune.commune_code = unknown_start.commune_code
left join known_before
    on
        commune.review_year = known_before.review_year
        and commune.standard_code = known_before.standard_code
        and commune.commune_code = known_before.commune_code
